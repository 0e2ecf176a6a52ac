"""Reading the folder of a study."""

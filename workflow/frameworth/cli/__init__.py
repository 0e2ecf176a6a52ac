"""The command line, and what a run will take, how far it is and how it is shown."""

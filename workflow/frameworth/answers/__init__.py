"""What a person reads of a study on the terminal, and the review of its labels."""

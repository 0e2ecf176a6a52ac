"""The results of a study: its values and summary, what a person reads on the terminal, the review of its labels."""

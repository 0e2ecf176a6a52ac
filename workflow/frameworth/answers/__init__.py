"""What a study came to: its values and summary, what a person reads on the terminal, and the review of its labels."""

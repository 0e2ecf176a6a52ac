"""A file for each question: `STUDIES` (the folder of what is trained for it), `collect`, `answer` and `draw`."""

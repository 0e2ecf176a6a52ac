"""A module for each question, with `STUDIES` (the studies that it needs), `collect`, `answer` and `draw`."""

"""The command line: checks, the cost of a study, and the progress of a run and how it is shown."""

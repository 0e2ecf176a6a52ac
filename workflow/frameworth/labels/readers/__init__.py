"""One reader for each kind of label file. A reader returns a table, runs no code of the file and never changes it."""

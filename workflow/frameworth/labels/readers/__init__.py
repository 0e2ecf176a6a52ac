"""One reader for each kind of label file. A reader returns a table; it runs nothing, and the file is only read."""

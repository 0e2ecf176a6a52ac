"""Scripts that write files of the repository from other files."""

"""Files of the repository that are written from others."""

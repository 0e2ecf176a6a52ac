"""A study's folder, read."""

"""Labelled frames: read and check labels, plant errors in them, and write the frames and subsets of a study."""

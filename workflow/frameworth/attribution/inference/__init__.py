"""Intervals, tests and the design's redraws. Numpy in, numpy out."""

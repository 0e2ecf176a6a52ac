"""Experiments that train differently from the grid: arms, toggled groups of frames, pruned pools."""

"""Does more data ever hurt? Ladders of nested subsets, at equal steps and at equal epochs."""

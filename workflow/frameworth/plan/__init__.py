"""Which networks a config asks for: the grid, its designs, the held-out frames, arms, the pilot, and their identity."""

"""The networks that a config asks for: grid, designs, held-out frames, arms and pilot, and each network's identity."""

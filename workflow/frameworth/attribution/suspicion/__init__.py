"""Which labels look wrong: by the predictions of networks, and by the geometry of the animal alone."""

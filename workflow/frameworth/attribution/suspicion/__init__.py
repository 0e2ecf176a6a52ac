"""Which labels look wrong: from what networks say of them, and from the geometry of the animal alone."""

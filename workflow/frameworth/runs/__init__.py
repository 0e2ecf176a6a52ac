"""A run: what it will take, how far it is, what a person sees of it."""

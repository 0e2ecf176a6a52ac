"""A study: its config, its frames and subsets, its folder."""

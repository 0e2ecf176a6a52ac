"""Training otherwise: arms, toggled groups, pruned pools."""

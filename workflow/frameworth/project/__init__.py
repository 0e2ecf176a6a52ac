"""Labelled projects: the user's, which is only ever read, and those drawn, imported or spoilt for a study."""

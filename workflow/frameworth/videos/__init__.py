"""Unlabelled videos: read once for all networks, their consensus, and the frames to label next."""

"""Unlabelled videos: the consensus of the networks over them, and the frames to label next."""

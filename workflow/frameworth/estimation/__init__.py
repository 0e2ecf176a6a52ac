"""What each frame does and is worth, with its uncertainty."""

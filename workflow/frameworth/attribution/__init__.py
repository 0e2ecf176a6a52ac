"""What frames are worth: estimators, uncertainty and tests, methods that ask networks, labels that stand out."""

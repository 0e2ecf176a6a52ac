"""The value of frames: estimators, uncertainty and tests, methods that question networks, suspicious labels."""

"""The value of frames: estimators, uncertainty and tests, methods that examine networks, suspicious labels."""

"""What a config may hold, and how its YAML is read."""

"""Scores computed from the networks' predictions: errors, confidences, and whether the networks have learned."""

"""What the networks' predictions come to: errors, confidences, whether they have learned."""

"""The one room that knows DeepLabCut: `networks` for everyday use, `stock` for its own training loop."""

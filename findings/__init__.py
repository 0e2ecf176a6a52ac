"""The studies behind docs/findings.md: what is trained for each question, its table, and its figure."""

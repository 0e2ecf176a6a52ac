"""The studies behind docs/findings.md, a folder for each question: what is trained, its table, and its figure."""

"""The demo: a labelled DeepLabCut project with drawn pictures of small animals, and label errors in its pool."""

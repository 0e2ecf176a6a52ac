"""The demo's labelled project: a DeepLabCut project of small animals, drawn with label errors in its pool."""

"""Labelled frames: projects and other tools' labels are read, checked, planted with errors, made a study's frames."""

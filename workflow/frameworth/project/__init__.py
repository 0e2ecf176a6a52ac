"""The labelled project: read, looked at, drawn, spoilt on purpose; never written to."""

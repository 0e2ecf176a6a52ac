"""The command line: what people call (`study`), and what the workflow's rules call (`stages`)."""

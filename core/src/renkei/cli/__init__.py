"""The command line, for operators and for trying things out."""

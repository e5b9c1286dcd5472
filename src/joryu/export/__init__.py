"""Export: a student for other runtimes."""

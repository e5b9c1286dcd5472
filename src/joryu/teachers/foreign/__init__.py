"""Models of other frameworks as teachers: a runtime a file, and what they share: description, inputs, names."""

"""Answer over HTTP: a student, or a network as a teacher, in the shape of the API that it was cloned from."""

"""The enrolled people: the database on disk, and the matrix that is searched."""

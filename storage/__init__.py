"""What is remembered: one SQLite file, one writer, and the only SQL of the project."""

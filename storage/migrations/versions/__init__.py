"""The steps, oldest first; each says what it changes and why."""

"""Real servers that the tests start, from environments of their own."""

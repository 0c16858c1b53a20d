"""Servers and platforms that stand in where nothing real can run."""

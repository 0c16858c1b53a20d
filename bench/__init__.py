"""Measurements. Each script prints a table and compares only figures of its own run."""

import os

SLEEPY = {"GOMP_SPINCOUNT": "1000"}
"""Compute threads that sleep soon when they wait for one another, as our worker runs its own."""

# OpenMP reads it when the library is loaded, so it stands before any import of that.
os.environ.update(SLEEPY)

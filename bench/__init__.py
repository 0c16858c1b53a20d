"""Measurements. Each script prints a table and compares only figures of its own run."""

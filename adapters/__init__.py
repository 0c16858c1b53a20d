"""Platforms: each module turns one wire format into `MessageEvent`s and answers back into it."""

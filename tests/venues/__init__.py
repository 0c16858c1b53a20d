"""Platforms as the people on them use them: real servers, or fakes that speak their protocol."""

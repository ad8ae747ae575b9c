"""Declarations of the providers that a live feed can ask, by part of the world."""

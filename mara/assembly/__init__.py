"""Runs put together from settings: worlds, feeds and optimizers."""

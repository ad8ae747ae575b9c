"""Runs put together from settings: worlds, feeds and optimizers, shared by all that advance one."""

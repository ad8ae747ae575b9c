"""Mara, the engine: decides every tick what flexible compute runs where, and accounts for it."""

__version__ = "0.1.0"

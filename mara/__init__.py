"""Decide every tick what flexible compute runs where, and account for it."""

__version__ = "0.1.0"

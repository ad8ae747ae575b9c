"""Drawings of a Snapshot: each is built once and returns its update function."""

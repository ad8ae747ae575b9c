"""Drawings of a Snapshot: each is built once, and a pure function says what its elements show of a snapshot."""

"""One tick of a run: its orders, the engine's step, and announced exclusions."""

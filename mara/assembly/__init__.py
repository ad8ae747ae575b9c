"""Assembly of runs from settings: worlds, feeds and optimizers."""

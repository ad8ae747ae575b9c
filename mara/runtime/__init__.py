"""Runs of the engine: live, over history or replayed, with logs and explanations."""

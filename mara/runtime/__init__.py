"""Lifetimes and pace: what keeps the engine running, tick after tick."""

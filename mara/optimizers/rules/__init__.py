"""Optimizers without a solver: static baselines and cheapest-first rules."""

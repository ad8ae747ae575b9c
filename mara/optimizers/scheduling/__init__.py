"""Whole contracts on sites: scheduling, relocation, and own load in what is left."""

"""Whole contracts on sites: scheduling, relocation and what is left for own load."""

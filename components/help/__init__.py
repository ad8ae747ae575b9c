"""Panels of the help page: formulas, words, keys and the tour."""

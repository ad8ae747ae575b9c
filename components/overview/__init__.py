"""Panels of the overview: key figures, map, events, gains and reasons."""

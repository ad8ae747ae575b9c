"""Panels of the alerts page: what is wrong, since when, and what to do."""

"""Panels of the dashboard, each a pure function of a snapshot."""

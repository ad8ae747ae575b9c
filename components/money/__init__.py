"""Panels of the Money page: costs and revenue over time, and gains by day."""

"""Headless commands of the console script."""

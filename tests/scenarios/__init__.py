"""Whole runs under trouble."""

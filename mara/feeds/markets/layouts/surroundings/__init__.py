"""Layouts of sources of carbon intensity and weather."""

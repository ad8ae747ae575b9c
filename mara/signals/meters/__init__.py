"""Meters of real sites: ways by which their readings come besides the API."""

"""Preferences of a browser: zone of times, currency, temperature and theme."""

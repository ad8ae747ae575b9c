"""Panels of the Forecast page: prices to come at every site, and the live sources."""

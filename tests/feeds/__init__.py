"""Tests of feeds: input is checked, and forecasts use only what was known."""

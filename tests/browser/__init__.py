"""Tests of the dashboard in a real browser, served by a process of its own."""

"""Tests of the dashboard with a simulated user."""

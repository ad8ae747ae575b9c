"""Tests of the console script and the server."""

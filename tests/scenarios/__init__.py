"""Tests of whole runs under stress."""

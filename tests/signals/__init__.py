"""Tests of `mara.signals`."""

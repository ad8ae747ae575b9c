"""Tests of market files and their readers."""

"""The layouts that ship, one file for each market."""

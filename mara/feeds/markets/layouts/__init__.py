"""The layouts that ship: one declaration for each report, one file for each market."""

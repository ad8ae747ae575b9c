"""Panels of the power page: bill, peaks, grid products, batteries and supply."""

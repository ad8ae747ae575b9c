"""Rows, costs and prices of the power contract in the linear program."""

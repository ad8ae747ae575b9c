"""Panels of the optimizer page: plan in force, duals, comparison and history."""

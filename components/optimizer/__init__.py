"""Panels of the optimizer page: the plan in force, its duals, its rivals and its history."""

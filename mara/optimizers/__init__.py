"""Optimizers: every way to make a Plan from a Problem, behind one protocol."""

"""Benchmark of the money that planning with the power contract earns.

Prices are ERCOT's of 2024; the fleet is the default one.
"""

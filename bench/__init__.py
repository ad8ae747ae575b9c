"""Benchmarks of Mara, run by `python -m bench`.

Figures are per CPU-second, so that other work of the machine does not count, unless they say otherwise.
"""

"""The pure core: one noun of the trade a file, with its functions.

No I/O, clock, chance, logging or framework.
"""

"""The pure core: each file holds a noun of the trade and the functions on it. No I/O, clock or chance."""

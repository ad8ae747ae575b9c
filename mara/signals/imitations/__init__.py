"""Imitated devices and prices on loopback, to try a site without one and to test."""

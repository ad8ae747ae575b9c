"""Imitated devices on loopback, to try executors without a site and to test them."""

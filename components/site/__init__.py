"""Panels of a site page: price, load, machines, contracts and ledger."""

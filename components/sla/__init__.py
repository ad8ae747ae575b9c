"""Panels of the SLA page: tiers, contracts, the request form and a contract's sheet."""

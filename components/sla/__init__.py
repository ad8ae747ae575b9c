"""Panels of the SLA page: tiers, contracts, request form and contract sheet."""

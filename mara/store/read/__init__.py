"""Stored runs read back: series, sums, decisions, contracts, plans and exports."""

"""Read a stored run: series, ledger sums, decisions, contracts, plans and exports."""

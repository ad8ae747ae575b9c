"""Read money over time: ledger lines by interval and site, gains by day."""

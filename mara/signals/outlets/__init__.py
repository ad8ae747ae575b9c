"""Ways by which dispatch documents leave: a file, a signed webhook, a broker."""

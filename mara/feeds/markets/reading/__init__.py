"""Reader of market files: bytes to checked series of half-open UTC intervals."""

"""What `mara db check` walks: pages, schema, hash chain, seals, states and sums."""

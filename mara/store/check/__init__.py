"""The parts of `mara db check`: pages, schema, hash chain, seals, states and sums."""

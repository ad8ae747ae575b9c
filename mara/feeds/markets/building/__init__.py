"""From a SPEC and checked series to a history folder with its provenance."""

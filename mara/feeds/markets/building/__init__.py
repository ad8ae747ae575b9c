"""Builder of history folders from a SPEC file and market files, with provenance."""

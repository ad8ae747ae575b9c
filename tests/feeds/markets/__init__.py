"""Market files: what the readers are tested with."""

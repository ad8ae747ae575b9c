"""Programs that do a part of what Mara does, measured beside it in one run."""

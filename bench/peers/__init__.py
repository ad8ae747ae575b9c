"""Other programs that do a part of what Mara does, measured beside it in the same run."""

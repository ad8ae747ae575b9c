"""Market files, read into UTC intervals and built into history folders."""

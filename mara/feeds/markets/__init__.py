"""Market files as their publishers write them, read into UTC intervals and built into history folders."""

"""Market files of publishers: read into UTC intervals, built into history folders."""

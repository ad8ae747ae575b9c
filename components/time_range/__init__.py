"""Time range that all charts of a page share: its address, its picker, its points."""

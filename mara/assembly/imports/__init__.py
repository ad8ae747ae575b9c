"""Market files on the server: kept, inspected, and built into histories."""

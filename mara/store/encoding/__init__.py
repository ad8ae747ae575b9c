"""Records as bytes, rows and digests."""

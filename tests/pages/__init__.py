"""The console script and the server."""

"""Gateway of the server: listener, limits, proxies, and the gate of every request."""

"""The doors of the server: listener, limits, paths, and the gate that every request passes."""

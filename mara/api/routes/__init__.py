"""Calls of the API: reads, changes, event stream, exports, metrics and errors."""

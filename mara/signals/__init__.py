"""Signals to and from a real fleet: documents out, telemetry in, device executors."""

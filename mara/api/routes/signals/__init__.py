"""Signals to and from a real fleet: dispatch documents, telemetry and modes."""

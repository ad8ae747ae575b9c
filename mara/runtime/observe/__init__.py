"""Logs, alerts, watchdog and the engine's own metrics."""

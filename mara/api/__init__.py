"""Interfaces for other programs: REST, the gateway before it, and the login."""

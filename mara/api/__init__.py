"""What other programs speak to: REST, the gate before every request, and the login."""

"""Commands on market files, histories and live sources."""

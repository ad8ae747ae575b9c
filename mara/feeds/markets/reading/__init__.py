"""From the bytes of a market file to checked series of UTC half-open intervals."""

"""The synthetic world: prices, weather, outages and requests drawn from a seed."""

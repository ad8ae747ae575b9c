"""Sources of prices, weather and demand, behind one protocol."""

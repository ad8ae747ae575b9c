"""The outside world as Observations: every source of prices, weather and demand, behind one protocol."""

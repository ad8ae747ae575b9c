"""What planning with the power contract is worth, on ERCOT's prices of 2024 and the default fleet."""

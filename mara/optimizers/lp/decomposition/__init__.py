"""Large fleets in blocks: multipliers, the master problem and its certified bound."""

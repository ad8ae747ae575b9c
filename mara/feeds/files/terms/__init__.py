"""Power terms of fleets from TOML: charges, supply, batteries and grid products."""

"""Money page: costs and revenue by kind and site, and gains by day."""

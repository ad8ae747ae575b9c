"""Layouts of tables saved from Python libraries for market data."""

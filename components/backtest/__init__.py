"""Panels of the backtest page: backtests and studies, ordered and shown."""

"""Quotes for one more contract: capacity, price, risk and alternatives."""

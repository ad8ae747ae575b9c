"""The linear program: case, rows, solve, certificate, duals and bound."""

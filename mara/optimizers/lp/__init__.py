"""The linear program: case, rows, solve, certificate, duals, bound and rounding."""

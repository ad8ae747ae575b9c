"""Executors: programs that set limits on a site's devices, and take them back."""

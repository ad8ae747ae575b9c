"""How fast it is: `python -m bench`. Figures are per CPU-second where the machine's other work should not count."""

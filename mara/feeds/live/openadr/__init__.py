"""OpenADR 3: events of a grid's operator as inputs of ticks, and reports to it."""

"""Files from outside: histories, contracts and fleets, read strictly."""

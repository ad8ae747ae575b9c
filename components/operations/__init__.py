"""Panels of the operations page: modes, meters beside the plan, and device writes."""

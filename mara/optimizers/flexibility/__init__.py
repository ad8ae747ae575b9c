"""Power terms as planners see them: charges to come, peak risk, and simple rules."""

"""Figures of what has been: bounded in memory, cheap to keep, exact where it counts."""

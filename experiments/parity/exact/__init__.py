"""Exact arithmetic with bounds: what a step computes, and how far rounding may move it."""

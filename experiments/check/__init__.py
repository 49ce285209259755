"""Judging a network that somebody else wrote: run it, compare it, name its mistake."""

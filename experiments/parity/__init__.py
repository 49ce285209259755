"""Verdicts: does a difference come from rounding, from chaos or from a bug, and where."""

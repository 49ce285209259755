"""Deliberate mistakes: what the judge makes of networks that are known to be wrong, or right.

Every mutant is a small honest mistake in the text of `scratchnet` or of the article's network,
kept as data with what should be found; harmless variants change nothing but rounding. The table
that ``python -m experiments.mutants`` prints says how many are found, beside the usual practice of
fixed tolerances on the very same cases.
"""

"""Numbers as people read them: as many digits as they deserve, in the unit that suits them."""

from __future__ import annotations

import math


def times(ratio: float) -> str:
    """Return a ratio with no more digits than it deserves."""
    if not math.isfinite(ratio):
        return "n/a"
    if ratio >= 9.95:
        return f"{float(f'{ratio:.2g}'):,.0f}"
    return f"{ratio:.2g}" if ratio < 0.995 else f"{ratio:.1f}"


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits them."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def quantity(value: float) -> str:
    """Return a small or large number with two digits; an exact 0 as 0."""
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "∞"
    if 100 <= abs(value) < 1e6:
        return f"{float(f'{value:.2g}'):,.0f}"
    if value == 0 or 0.01 <= abs(value) < 100:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    # No line breaks at this minus.
    return f"{mantissa}e{int(exponent)}".replace("-", "\N{MINUS SIGN}")


def share(ratio: float) -> str:
    """Return a share of a bound in per cent, and what is far beyond it in times."""
    if math.isnan(ratio):
        return "n/a"
    if ratio > 9.995:
        return f"{times(ratio)} times" if math.isfinite(ratio) else "∞"
    return f"{100 * ratio:.2g} %" if ratio < 0.995 else f"{100 * ratio:.0f} %"


def counted(number: int, noun: str) -> str:
    """Return ``1 trial``, ``1,200 trials``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

r"""How far rounding can carry a computed value from the exact one: one rule per operation.

A `Bounded` array holds exact values (to higher precision) and bounds on the distance of anything
that correct arithmetic of unit roundoff u may return in their place. Formulas written with it
carry their own running error analysis (Wilkinson 1963; Higham, *Accuracy and Stability of
Numerical Algorithms*, 2nd ed., 2002, section 3.3). The rules:

==================  ============================================================================
operation           new error, beside what is passed on from its inputs
==================  ============================================================================
``+ - * /  sqrt``   ``u |result|``: IEEE 754; none where a factor is exactly 0, 1, 2 or 1/2
sum of n terms      ``gamma_{n-1} sum |x|``, for any order of summation (Higham, eq. 4.4)
product of matrices ``gamma_n |x| |w|``; ``gamma_{n+1} (|x| |w| + |b|)`` with a bias (eq. 3.13)
exp log log1p power 4 units in the last place, ``8 u |result|``
tanh erf            8 units in the last place, ``16 u |result|``
==================  ============================================================================

with ``gamma_n = n u / (1 - n u)``. No theorem bounds a library's exp: 4 units are what NumPy's
SIMD loops promise, and no more than 5.3 u was seen in TensorFlow, JAX or torch over dense grids.
TensorFlow's tanh is a quotient of two polynomials and needs up to 8.5 u; both figures are doubled
in round numbers, and a test repeats the measurement.

Beside each bound that must hold stands what to expect: in a sum, rounding errors of either sign
cancel, and ``gamma_n`` becomes about ``lambda sqrt(n) u`` with probability above
``1 - 2 exp(-lambda^2 / 2)`` per sum (Higham & Mary 2019, theorem 2.4; Ipsen & Zhou 2020);
independent errors add as squares.

A third bound allows for **branches**: where a pre-activation lies within its bound of a kink, two
correct sides may take different branches, and the tensors that follow may differ by far more than
rounding. Such an element is undecidable, not divergent.

Values below the smallest normal number may be flushed to 0, as TensorFlow does. Where a value may
exceed the largest number, one side may come out infinite and another, summing in another order,
may not: the bound of such an element is infinite, and so are those that depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parity.exact.erf import erf
from scratchnet.conventions import CONVENTIONS, Conventions
from scratchnet.types import Array

Errors = NDArray[np.float64]

FUNCTION_ROUNDOFFS = 8
"""Bound of exp, log, log1p and power in units of u |result|: 4 units in the last place."""

TANH_ROUNDOFFS = 16
"""That of tanh and erf."""

LAMBDA = 4.0
"""Of the probabilistic bound: it holds for a sum with probability above 0.9993."""


@dataclass(frozen=True)
class Precision:
    """The arithmetic that is judged, and the higher one that judges it.

    Attributes
    ----------
    dtype
        Judged: float32 or float64.
    arithmetic
        What both sides may compute in: `dtype`, or float32 where a backend computes parts of a
        float64 network in that (see ``float32_operations`` in `scratchnet.conventions`).
    reference
        In which exact values are computed: float64 for float32, longdouble for float64.
    roundoff
        Unit roundoff u of `arithmetic`, 2^-24 or 2^-53, and that of `reference` on top, since the
        reference rounds too: hardly more, except where longdouble is no wider than float64.
    smallest
        Smallest normal number of `arithmetic`.
    largest
        Largest finite number of `arithmetic`.
    bounds
        Whether bounds are computed: those who measure noise need the exact values only.
    rounds_settings
        Whether ``keras.ops.cast`` hands settings on through float32.
    """

    dtype: np.dtype[Any]
    arithmetic: np.dtype[Any]
    reference: np.dtype[Any]
    roundoff: float
    smallest: float
    largest: float
    rounds_settings: bool
    bounds: bool = True

    @classmethod
    def of(
        cls,
        dtype: str,
        conventions: Conventions = CONVENTIONS["tensorflow"],
        *,
        bounds: bool = True,
    ) -> Precision:
        """Return the precision of ``"float32"`` or ``"float64"`` on a backend of Keras."""
        arithmetic = np.dtype("float32" if conventions.float32_operations else dtype)
        info = np.finfo(arithmetic)
        reference = np.dtype("float64" if dtype == "float32" else "longdouble")
        return cls(
            dtype=np.dtype(dtype),
            arithmetic=arithmetic,
            reference=reference,
            roundoff=float(info.eps + np.finfo(reference).eps) / 2,
            smallest=float(info.tiny),
            largest=float(info.max),
            bounds=bounds,
            rounds_settings=conventions.rounds_settings,
        )

    def gamma(self, n: int) -> float:
        """Return ``n u / (1 - n u)``, infinite where that says nothing."""
        product = n * self.roundoff
        return product / (1 - product) if product < 1 else float("inf")

    def expected_gamma(self, n: int) -> float:
        """Return its probabilistic counterpart, ``lambda sqrt(n) u``."""
        return min(self.gamma(n), LAMBDA * float(np.sqrt(n)) * self.roundoff)

    def within_range(self, size: Errors, error: Errors) -> Errors:
        """Return the error; infinite where a value may overflow, or where nothing is known."""
        return np.where(size + error <= self.largest, error, np.inf)

    def exact(self, values: Any) -> Bounded:
        """Take numbers as they are: inputs that both sides share."""
        value = np.asarray(values, self.reference)
        if not self.bounds:
            return self.unbounded(value)
        size = np.abs(value).astype(np.float64)
        error = np.where(size < self.smallest, size, 0.0)
        if self.arithmetic != self.dtype:
            error = np.maximum(error, np.abs(value - value.astype(self.arithmetic)).astype(float))
        error = self.within_range(size, error)
        return Bounded(value, error, error, error, self)

    def unbounded(self, value: Array) -> Bounded:
        """Return exact values of which no bound is known, nor asked for."""
        return Bounded(value, _NOTHING, _NOTHING, _NOTHING, self)

    def rounded(self, value: float) -> Bounded:
        """Take a setting as both sides hold it: rounded to `dtype`."""
        return self.exact(np.asarray(value, self.dtype))

    def cast(self, value: float) -> Bounded:
        """Take a setting as ``keras.ops.cast`` hands it on, on TensorFlow through float32."""
        return self.rounded(float(np.float32(value)) if self.rounds_settings else value)


_NOTHING: Errors = np.zeros(())


class Bounded:
    """Exact values, and how far from them correct arithmetic may come out.

    Parameters
    ----------
    value
        The exact values, in the reference precision.
    error
        Bound on the rounding error of any correct computation, float64, of the same shape.
    branch
        The same where branches that cannot be decided are allowed for; at least `error`.
    expected
        What to expect of the error.
    precision
        The arithmetic.
    """

    __array_ufunc__ = None  # so that NumPy leaves `array - bounded` to us

    def __init__(
        self, value: Array, error: Errors, branch: Errors, expected: Errors, precision: Precision
    ) -> None:
        self.value = value
        self.error = error
        self.branch = branch
        self.expected = expected
        self.precision = precision

    @cached_property
    def size(self) -> Errors:
        """Absolute values."""
        return np.abs(self.value).astype(np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.value.shape

    @property
    def T(self) -> Bounded:  # noqa: N802 - as in NumPy
        """The transposed matrix."""
        return self.map(np.transpose)

    def __getitem__(self, index: Any) -> Bounded:
        """Return some of the elements."""
        return self.map(lambda values: values[index])

    def map(self, move: Callable[[Array], Array]) -> Bounded:
        """Apply a function that only moves elements about."""
        if not self.precision.bounds:
            return self.precision.unbounded(move(self.value))
        error = move(self.error)
        branch = error if self.branch is self.error else move(self.branch)
        return Bounded(move(self.value), error, branch, move(self.expected), self.precision)

    def _new(
        self, value: Array, passed: Callable[[str], Errors], rounding: float | Errors
    ) -> Bounded:
        """Make the result of an operation that rounds once.

        Parameters
        ----------
        value
            The exact result.
        passed
            From ``"error"``, ``"branch"`` or ``"expected"`` to what the inputs' bounds become.
        rounding
            New error, in units of u |result|.
        """
        if not self.precision.bounds:
            return self.precision.unbounded(value)
        u, smallest = self.precision.roundoff, self.precision.smallest
        size = np.abs(value).astype(np.float64)

        def flushed(inherited: Errors) -> Errors:
            # A result below the smallest normal number may become 0; a 0 stays.
            tiny = (size - inherited < smallest) & ((value != 0) | (inherited > 0))
            return np.where(tiny, smallest, 0.0)

        def total(kind: str) -> Errors:
            inherited = passed(kind)
            error = inherited + rounding * u * (size + inherited) + flushed(inherited)
            return self.precision.within_range(size, error)

        inherited = passed("expected")
        expected = np.hypot(inherited, rounding * u * size) + flushed(inherited)
        return Bounded(value, total("error"), total("branch"), expected, self.precision)

    def _operand(self, other: Any) -> Bounded:
        return other if isinstance(other, Bounded) else self.precision.exact(other)

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error, self.branch, self.expected, self.precision)

    def __add__(self, other: Any) -> Bounded:
        b = self._operand(other)

        def passed(kind: str) -> Errors:
            if kind == "expected":
                return _hypot(self.expected, b.expected)
            total: Errors = getattr(self, kind) + getattr(b, kind)
            return total

        return self._new(self.value + b.value, passed, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Bounded:
        return self + (-self._operand(other))

    def __rsub__(self, other: Any) -> Bounded:
        return self._operand(other) - self

    def __mul__(self, other: Any) -> Bounded:
        b = self._operand(other)
        if not self.precision.bounds:
            return self.precision.unbounded(self.value * b.value)

        def passed(kind: str) -> Errors:
            ea, eb = getattr(self, kind), getattr(b, kind)
            if kind == "expected":
                return _hypot(self.size * eb, b.size * ea)
            total: Errors = self.size * eb + b.size * ea + ea * eb
            return total

        trivial = _is_trivial(self) | _is_trivial(b)
        return self._new(self.value * b.value, passed, np.where(trivial, 0.0, 1.0))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Bounded:
        b = self._operand(other)
        quotient = self.value / b.value
        if not self.precision.bounds:
            return self.precision.unbounded(quotient)
        size = np.abs(quotient).astype(np.float64)

        def passed(kind: str) -> Errors:
            ea, eb = getattr(self, kind), getattr(b, kind)
            if kind == "expected":
                return _hypot(ea, size * eb) / b.size
            room = b.size - eb
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(room > 0, (ea + size * eb) / room, np.inf)

        with np.errstate(divide="ignore", invalid="ignore"):
            return self._new(quotient, passed, 1)

    def __rtruediv__(self, other: Any) -> Bounded:
        return self._operand(other) / self

    def abs(self) -> Bounded:
        """Return |x|."""
        return Bounded(np.abs(self.value), self.error, self.branch, self.expected, self.precision)

    def relu(self) -> Bounded:
        """Return max(x, 0): exact; below 0 only that much of an error is left as reaches over 0."""
        if not self.precision.bounds:
            return self.precision.unbounded(np.maximum(self.value, 0))
        over = np.minimum(self.value, 0).astype(np.float64)

        def left(error: Errors) -> Errors:
            return np.maximum(error + over, 0.0)

        return Bounded(
            np.maximum(self.value, 0),
            left(self.error),
            left(self.branch),
            left(self.expected),
            self.precision,
        )

    def exp(self) -> Bounded:
        """Return exp(x); an error e of x becomes exp(x) (exp(e) - 1) at most."""
        value = np.exp(self.value)
        size = value.astype(np.float64)
        return self._new(
            value, lambda kind: size * np.expm1(getattr(self, kind)), FUNCTION_ROUNDOFFS
        )

    def log(self) -> Bounded:
        """Return log(x) of positive x."""
        return self._logarithm(np.log(self.value), self.size)

    def log1p(self) -> Bounded:
        """Return log(1 + x) of x > -1."""
        return self._logarithm(np.log1p(self.value), (1 + self.value).astype(np.float64))

    def _logarithm(self, value: Array, argument: Errors) -> Bounded:
        def passed(kind: str) -> Errors:
            with np.errstate(invalid="ignore", divide="ignore"):
                share = getattr(self, kind) / argument
                passed_on: Errors = np.where(share < 1, -np.log1p(-share), np.inf)
            return passed_on

        return self._new(value, passed, FUNCTION_ROUNDOFFS)

    def sqrt(self) -> Bounded:
        """Return the square root; an error e of x becomes sqrt(x) - sqrt(x - e) at most."""
        value = np.sqrt(self.value)
        size = value.astype(np.float64)

        def passed(kind: str) -> Errors:
            error = getattr(self, kind)
            lower = np.sqrt(np.maximum(self.size - error, 0.0))
            # e / (sqrt(x) + sqrt(x - e)) is the difference without its cancellation.
            passed_on: Errors = np.where(
                error < self.size,
                error / np.maximum(size + lower, 1e-300),
                np.sqrt(error + size**2),
            )
            return passed_on

        return self._new(value, passed, 1)

    def tanh(self) -> Bounded:
        """Return tanh(x); its slope is steepest where |x| is smallest."""

        def passed(kind: str) -> Errors:
            error = getattr(self, kind)
            nearest = np.minimum(np.maximum(self.size - error, 0.0), 300.0)
            slope: Errors = error / np.cosh(nearest) ** 2
            return slope

        return self._new(np.tanh(self.value), passed, TANH_ROUNDOFFS)

    def erf(self) -> Bounded:
        """Return the error function of x; its slope is steepest where |x| is smallest."""

        def passed(kind: str) -> Errors:
            error = getattr(self, kind)
            nearest = np.maximum(self.size - error, 0.0)
            slope: Errors = error * 1.1284 * np.exp(-(nearest**2))
            return slope

        return self._new(erf(self.value), passed, TANH_ROUNDOFFS)

    def smooth(
        self, value: Array, slope: Callable[[Array], Array] | float, roundoffs: float
    ) -> Bounded:
        """Return a function of x that has a value of its own here, and rounds like several.

        Parameters
        ----------
        value
            The exact result.
        slope
            Bound on the function's slope from x - e to x + e: a number, or a function of e.
        roundoffs
            New error in units of u |result|.
        """

        def passed(kind: str) -> Errors:
            error = getattr(self, kind)
            steepest: Errors = error * (slope if isinstance(slope, float) else slope(error))
            return steepest

        return self._new(value, passed, roundoffs)

    def minimum(self, highest: float) -> Bounded:
        """Return the smaller of x and a number of the judged dtype: exact."""
        value = np.minimum(self.value, highest)
        return Bounded(value, self.error, self.branch, self.expected, self.precision)

    def power(self, exponent: int) -> Bounded:
        """Return x >= 0 to a whole power >= 1; the first is x itself, everywhere."""
        if exponent == 1:
            return self
        value = self.value**exponent

        def passed(kind: str) -> Errors:
            error = getattr(self, kind)
            grown: Errors = (self.size + error) ** exponent - self.size**exponent
            return grown

        return self._new(value, passed, FUNCTION_ROUNDOFFS)

    def clip(self, lowest: float, highest: float) -> Bounded:
        """Return x held between two numbers of the judged dtype."""
        value = np.clip(self.value, lowest, highest)
        return Bounded(value, self.error, self.branch, self.expected, self.precision)

    def sum(self, axis: int | None = None, *, keepdims: bool = False) -> Bounded:
        """Return the sum of n terms: gamma_{n-1} sum |x|, in any order."""
        precision = self.precision
        if not precision.bounds:
            return precision.unbounded(np.sum(self.value, axis=axis, keepdims=keepdims))
        n = self.value.size if axis is None else self.shape[axis]
        # Every partial sum may be flushed, unless there is nothing but 0 to add.
        flushed = np.where(self.size > 0, precision.smallest, 0.0)

        def along(values: Any) -> Any:
            return np.sum(values, axis=axis, keepdims=keepdims)

        def bound(inherited: Errors) -> Errors:
            rounding = precision.gamma(n - 1) * along(self.size + inherited)
            total: Errors = along(inherited) + rounding + along(flushed)
            return precision.within_range(along(self.size), total)

        error = bound(self.error)
        branch = error if self.branch is self.error else bound(self.branch)
        expected = np.hypot(
            np.sqrt(along(self.expected**2)), precision.expected_gamma(n - 1) * along(self.size)
        )
        return Bounded(along(self.value), error, branch, expected + along(flushed), precision)

    def passes(self, mask: Array, uncertain: Array) -> Bounded:
        """Return x where `mask`, else 0; where `uncertain`, either may come out.

        Of what is stopped nothing is known either where x may be infinite: some libraries multiply
        by the mask, and infinity times 0 is not a number.
        """
        if not self.precision.bounds:
            return self.precision.unbounded(np.where(mask, self.value, 0))
        stopped = np.where(np.isfinite(self.error), 0.0, np.inf)
        return Bounded(
            np.where(mask, self.value, 0),
            np.where(mask, self.error, stopped),
            np.where(uncertain, self.size + self.branch, np.where(mask, self.branch, stopped)),
            np.where(mask, self.expected, 0.0),
            self.precision,
        )

    def widen(self, extra: Errors) -> Bounded:
        """Add an error that another correct form of the same operation may make."""
        if not self.precision.bounds:
            return self
        return Bounded(
            self.value,
            self.error + extra,
            self.branch + extra,
            np.hypot(self.expected, extra),
            self.precision,
        )


def select(mask: Array, where_true: Bounded, where_false: Bounded) -> Bounded:
    """Choose element by element, by a condition that both sides share."""
    value = np.where(mask, where_true.value, where_false.value)
    if not where_true.precision.bounds:
        return where_true.precision.unbounded(value)
    return Bounded(
        value,
        np.where(mask, where_true.error, where_false.error),
        np.where(mask, where_true.branch, where_false.branch),
        np.where(mask, where_true.expected, where_false.expected),
        where_true.precision,
    )


def stack(parts: Sequence[Bounded]) -> Bounded:
    """Return arrays of one shape as one, along a new first axis."""
    value = np.stack([part.value for part in parts])
    if not parts[0].precision.bounds:
        return parts[0].precision.unbounded(value)
    return Bounded(
        value,
        np.stack([part.error for part in parts]),
        np.stack([part.branch for part in parts]),
        np.stack([part.expected for part in parts]),
        parts[0].precision,
    )


def concatenate(parts: Sequence[Bounded], axis: int) -> Bounded:
    """Return arrays one after another along an axis."""
    return Bounded(
        np.concatenate([part.value for part in parts], axis),
        np.concatenate([part.error for part in parts], axis),
        np.concatenate([part.branch for part in parts], axis),
        np.concatenate([part.expected for part in parts], axis),
        parts[0].precision,
    )


def matmul(x: Bounded, w: Bounded, bias: Bounded | None = None) -> Bounded:
    """Return ``x @ w + bias``: gamma_{n+1} (|x| |w| + |b|), in any order of summation.

    Parameters
    ----------
    x, w
        ``(m, n)`` and ``(n, k)``.
    bias
        ``(k,)``, or None for a plain product.
    """
    n = x.shape[1] + (bias is not None)
    precision = x.precision
    # Of longdouble, np.dot keeps its sums in a register, where `@` goes through memory.
    value = np.dot(x.value, w.value)
    if not precision.bounds:
        return precision.unbounded(value if bias is None else value + bias.value)
    sizes = x.size @ w.size
    if bias is not None:
        value = value + bias.value
        sizes = sizes + bias.size

    def bound(kind: str) -> Errors:
        ex, ew = getattr(x, kind), getattr(w, kind)
        inherited = np.zeros_like(sizes)
        if np.any(ex):
            inherited = inherited + ex @ (w.size + ew)
        if np.any(ew):
            inherited = inherited + x.size @ ew
        if bias is not None:
            inherited = inherited + getattr(bias, kind)
        total: Errors = inherited + precision.gamma(n) * (sizes + inherited)
        # A product may underflow unless it is exactly 0.
        total = total + np.where(sizes > 0, n * precision.smallest, 0.0)
        return precision.within_range(sizes, total)

    error = bound("error")
    same = x.branch is x.error and w.branch is w.error
    squares = (x.expected**2) @ (w.size**2) + (x.size**2) @ (w.expected**2)
    if bias is not None:
        squares = squares + bias.expected**2
    expected = np.sqrt(squares + (precision.expected_gamma(n) * sizes) ** 2)
    return Bounded(value, error, error if same else bound("branch"), expected, precision)


def _hypot(a: Errors, b: Errors) -> Errors:
    """Add independent errors as squares."""
    total: Errors = np.hypot(a, b)
    return total


def _is_trivial(a: Bounded) -> Array:
    """Where a factor is exact and leaves nothing to round: 0, 1, 2 or 1/2."""
    found: Array = (a.error == 0) & np.isin(a.size, (0.0, 0.5, 1.0, 2.0))
    return found

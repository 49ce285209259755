"""Analytic gradients against central differences, without a tolerance picked by hand.

The loss ``L`` is evaluated at five points along each entry ``w`` of each weight, ``w - 2h`` to
``w + 2h``. With ``D(h) = (L(w + h) - L(w - h)) / 2h`` and ``F`` the fourth difference of the five
values::

    numeric  = D(h)
    estimate = |D(2h) - D(h)|       truncation: D(h) is off by about a third of this
             + |F| / 4h             a kink that leaves F this small shifts D(h) by no more
             + noise / h            each loss is known to within the noise

For a smooth loss ``F`` is nothing but noise, because ``h^4`` is far below the precision. Where it
is more, the loss has a kink within the step (a ReLU switches, an output begins to be clipped),
and the step is made smaller; if that does not help, the entry is undecided.

Sources: Press et al., Numerical Recipes, section 5.7, for the step; Linnainmaa 1976, "Taylor
expansion of the accumulated rounding error", and Moré & Wild 2011, "Estimating computational
noise", for the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.batch_plan import BatchPlan
from scratchnet.losses import EPSILON
from scratchnet.network import Network

Array = NDArray[np.float64]

AGREES, DISAGREES, UNDECIDED = "agrees", "disagrees", "undecided"

_EPS = float(np.finfo(np.float64).eps)
# The first step balances truncation, h^2, against noise, eps / h; each further try is a quarter.
_FIRST_STEP = _EPS ** (1 / 3)
_TRIES = 8
_FOURTH_DIFFERENCE = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
_NOISE_SAMPLES = 32
_WORST_SHOWN = 5


@dataclass(frozen=True, eq=False)
class WeightCheck:
    """The check of every entry of one weight; each array has the weight's shape.

    Attributes
    ----------
    analytic
        The gradient that was checked.
    numeric
        The central difference of the loss.
    error
        ``|analytic - numeric|``.
    estimate
        How far `numeric` may be from the true derivative; for `agrees`, `error` is at most this.
    verdict
        ``agrees``, ``disagrees`` or ``undecided`` (the loss has a kink within the step).
    """

    analytic: Array
    numeric: Array
    error: Array
    estimate: Array
    verdict: NDArray[np.str_]

    def count(self, verdict: str) -> int:
        """Count the entries with a verdict."""
        return int(np.count_nonzero(self.verdict == verdict))


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """Outcome of `gradient_check`; ``print`` shows it as a table.

    Attributes
    ----------
    loss
        Mean loss of the batch.
    noise
        How far a computed loss may be from the true one.
    weights
        The check of each weight by its full name.
    """

    loss: float
    noise: float
    weights: dict[str, WeightCheck]

    def count(self, verdict: str) -> int:
        """Count the entries of all weights with a verdict."""
        return sum(check.count(verdict) for check in self.weights.values())

    @property
    def ok(self) -> bool:
        """Whether no entry disagrees, and at least one could be decided."""
        return self.count(DISAGREES) == 0 and self.count(AGREES) > 0

    def __str__(self) -> str:
        """Return a table of weights, and the worst of the entries that disagree."""
        entries = sum(check.error.size for check in self.weights.values())
        lines = [
            f"gradient check: {'ok' if self.ok else 'NOT ok'}; {entries} entries: "
            f"{self.count(AGREES)} agree, {self.count(DISAGREES)} disagree, "
            f"{self.count(UNDECIDED)} undecided; loss {self.loss:.6g}"
        ]
        width = max(len("weight"), *map(len, self.weights))
        columns = ("agree", "disagree", "undecided", "largest gradient", "largest error", "allowed")
        lines.append("  ".join([f"{'weight':<{width}}", *columns]))
        for name, check in self.weights.items():
            worst = np.unravel_index(np.argmax(check.error), check.error.shape)
            cells = [str(check.count(verdict)) for verdict in (AGREES, DISAGREES, UNDECIDED)]
            largest = np.abs(check.analytic).max()
            cells += [f"{v:.2g}" for v in (largest, check.error[worst], check.estimate[worst])]
            row = [f"{cell:>{len(column)}}" for cell, column in zip(cells, columns, strict=True)]
            lines.append("  ".join([f"{name:<{width}}", *row]))
        return "\n".join(lines + self._disagreements())

    def _disagreements(self) -> list[str]:
        """Return a line for each of the worst entries that disagree."""
        found = [
            (float(check.error[index]), name, index)
            for name, check in self.weights.items()
            for index in zip(*np.nonzero(check.verdict == DISAGREES), strict=True)
        ]
        found.sort(key=lambda entry: -entry[0])
        lines = []
        for _, name, index in found[:_WORST_SHOWN]:
            check = self.weights[name]
            position = ", ".join(str(i) for i in index)
            lines.append(
                f"{name}[{position}]: analytic {check.analytic[index]:.10g}, "
                f"numeric {check.numeric[index]:.10g}, error {check.error[index]:.2g}, "
                f"allowed {check.estimate[index]:.2g}: disagrees"
            )
        if len(found) > _WORST_SHOWN:
            lines.append(f"... and {len(found) - _WORST_SHOWN} more")
        return lines


def gradient_check(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    gradients: Mapping[str, ArrayLike] | None = None,
) -> GradientCheck:
    """Compare a gradient with central differences in float64, for every entry of every weight.

    A float64 copy of the network is checked; the network itself is not changed. Each entry costs
    four evaluations of the loss, and more only near a kink.

    Parameters
    ----------
    network
        Any network; its weights say where the gradient is taken.
    x, y
        The batch: ``(samples, features)``, and targets as the loss takes them.
    gradients
        By weight name, float64: the gradient to check instead of the network's own, say one that
        another implementation computed from the same weights and batch.

    Returns
    -------
    GradientCheck
        For each entry the analytic and numeric value, the error, its estimate and a verdict.

    Raises
    ------
    ValueError
        If the batch does not fit the network, the loss is not finite, or `gradients` do not fit
        the weights or are of lower precision than float64.

    Examples
    --------
    >>> from scratchnet import Architecture, Dense
    >>> architecture = Architecture((2,), (Dense(3, "tanh"), Dense(1)), "mean_squared_error")
    >>> gradient_check(Network(architecture, seed=1), [[0.5, -1.0]], [[2.0]]).ok
    True
    """
    constants = min(network.constants, np.dtype(np.float64), key=lambda dtype: dtype.itemsize)
    copy = Network(network.architecture, seed=network.seed, dtype=np.float64, constants=constants)
    copy.set_weights(network.weights)
    loss, own = copy.loss_and_gradients(x, y)
    if not np.isfinite(loss):
        raise ValueError(f"loss = {loss}; expected a finite loss: check the weights, x and y")
    analytic = _flat(own if gradients is None else gradients, copy)
    # The batch stays in the plan's buffers; only the weights change from here on.
    plan = copy.plan(len(np.asarray(x)))
    weights = copy.parameters.values

    def loss_now() -> float:
        with np.errstate(over="ignore"):
            plan.forward()
            return float(plan.run_loss())

    noise = _EPS * _rounded_amount(plan, loss) + _spread(loss_now, weights)
    columns = [_difference(loss_now, weights, i, loss, noise) for i in range(len(weights))]
    numeric, estimate, smooth = (np.array(column) for column in zip(*columns, strict=True))
    error = np.abs(analytic - numeric)
    verdict = np.where(error <= estimate, AGREES, DISAGREES)
    verdict[~smooth] = UNDECIDED

    named = [copy.parameters.named(a) for a in (analytic, numeric, error, estimate, verdict)]
    return GradientCheck(
        loss, noise, {name: WeightCheck(*(part[name] for part in named)) for name in own}
    )


def _flat(gradients: Mapping[str, ArrayLike], network: Network) -> Array:
    """Return gradients as one array in the order of the arena."""
    shapes = network.parameters.trained
    if gradients.keys() != shapes.keys():
        raise ValueError(f"gradients: {sorted(gradients)}; expected {sorted(shapes)}")
    pieces = []
    for name, shape in shapes.items():
        piece = np.asarray(gradients[name])
        if piece.shape != shape:
            raise ValueError(f"gradients[{name!r}]: shape {piece.shape}, expected {shape}")
        if piece.dtype.kind == "f" and piece.dtype.itemsize < 8:
            raise ValueError(
                f"gradients[{name!r}]: dtype {piece.dtype}, whose rounding is larger than what is "
                "checked; expected float64"
            )
        pieces.append(piece.astype(np.float64).reshape(-1))
    return np.concatenate(pieces)


def _rounded_amount(plan: BatchPlan, loss: float) -> float:
    """Return how much of the loss goes through roundings, to first order.

    An intermediate value ``v`` that is rounded changes the loss by ``|dL/dv| |v| eps``
    (Linnainmaa 1976); the loss itself computes with its inputs and, unless fused, with logarithms
    of at most ``|log epsilon|``.
    """
    tensors = plan.tensors
    amount = abs(loss) + float(np.sum(np.abs(plan.loss.output))) / len(plan.loss.output)
    if not plan.loss.logits:
        amount += abs(np.log(EPSILON))
    for name, tensor in tensors.items():
        if f"{name}_gradient" in tensors:
            product = np.abs(tensor * tensors[f"{name}_gradient"])
            amount += float(product[np.isfinite(product)].sum())
    return amount


def _spread(loss_now: Callable[[], float], weights: Array) -> float:
    """Return the spread of the loss among weights that differ only in their last places.

    This is the noise of sums that cancel, which their result does not show.
    """
    start = weights.copy()
    losses = []
    for ulps in range(_NOISE_SAMPLES):
        weights[:] = start * (1.0 + ulps * _EPS)
        losses.append(loss_now())
    weights[:] = start
    return max(losses) - min(losses)


def _difference(
    loss_now: Callable[[], float], weights: Array, i: int, loss: float, noise: float
) -> tuple[float, float, bool]:
    """Return derivative and error estimate along one entry, and whether the loss is smooth there.

    The step is a power of two, so that ``2h`` is exactly twice ``h``.
    """
    start = float(weights[i])
    h = 2.0 ** round(np.log2(_FIRST_STEP * max(1.0, abs(start))))
    numeric, estimate, smooth = 0.0, np.inf, False
    for _ in range(_TRIES):
        points = start + h * np.arange(-2.0, 3.0)
        losses = np.full(5, loss)
        for k in (0, 1, 3, 4):
            weights[i] = points[k]
            losses[k] = loss_now()
        weights[i] = start
        # Points are rounded; their true distances count.
        numeric = (losses[3] - losses[1]) / (points[3] - points[1])
        wider = (losses[4] - losses[0]) / (points[4] - points[0])
        fourth = abs(losses @ _FOURTH_DIFFERENCE)
        blur = noise + _EPS * abs(start * numeric)
        estimate = abs(wider - numeric) + fourth / (4 * h) + blur / h
        smooth = bool(fourth <= 16 * blur)
        if smooth:
            break
        h /= 4
    return float(numeric), float(estimate), smooth

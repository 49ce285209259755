"""Each activation on kinks, extremes and a fine grid: both sides lie within the bounds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.parity.exact.formulas import BACKWARD, FORWARD
from experiments.parity.exact.rounding import Precision
from scratchnet.activations import ACTIVATIONS, activation_of

ARGUMENTS = {
    "celu": [{"alpha": 0.3}],
    "elu": [{"alpha": 0.7}],
    "gelu": [{"approximate": True}],
    "hard_shrink": [{"threshold": 0.2}],
    "leaky_relu": [{"negative_slope": 0.3}],
    "relu": [
        {"negative_slope": 0.1},
        {"max_value": 6.0},
        {"max_value": 0.7},
        {"threshold": 0.3},
        {"negative_slope": 0.1, "max_value": 0.7, "threshold": 0.3},
        {"negative_slope": 0.3, "max_value": 2.0},
    ],
    "soft_shrink": [{"threshold": 0.1}],
    "squareplus": [{"b": 0.1}],
    "threshold": [{"threshold": 0.1, "default_value": 0.3}],
}
CASES = [
    pytest.param(name, arguments, id=f"{name} {arguments or ''}".strip())
    for name in ACTIVATIONS
    for arguments in [*([{}] if name != "threshold" else []), *ARGUMENTS.get(name, [])]
]
KINKS = [0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 3.0, 6.0]


def inputs(dtype):
    """Kinks and their neighbours, sizes from the smallest normal number on, and a fine grid."""
    kinks = np.asarray(KINKS, dtype)
    beside = [np.nextafter(kinks, np.asarray(s, dtype)) for s in (-9, 9)]
    sizes = np.asarray([1e-37, 1e-30, 1e-20, 1e-10, 1e-5, 1e-3, 15, 40, 87, 100, 1e3, 1e4], dtype)
    values = np.concatenate([kinks, *beside, sizes, np.linspace(0, 20, 4001).astype(dtype)])
    return np.concatenate([values, -values]).astype(dtype)


def within(precision, value, exact, where):
    # What may be flushed to 0, or rounded to a kink, may take another branch: only few may.
    error, bound = np.abs(value.astype(precision.reference) - exact.value), exact.branch
    assert np.mean(bound > exact.error) < 0.002
    overflowed = exact.size + bound >= precision.largest
    off = ~(error <= bound) & ~overflowed & np.isfinite(bound)
    worst = np.flatnonzero(off.reshape(-1))[:5]
    assert not np.any(off), [
        (
            where.reshape(-1)[i],
            value.reshape(-1)[i],
            exact.value.reshape(-1)[i],
            bound.reshape(-1)[i],
        )
        for i in worst
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_both_sides_lie_within_the_bounds(name, arguments, dtype):
    precision, z = Precision.of(dtype), inputs(dtype)[:, None]
    if name in ("softmax", "log_softmax"):
        z = z[: len(z) // 4 * 4].reshape(-1, 4)
    da = np.random.RandomState(0).standard_normal(z.shape).astype(dtype)
    activation = activation_of(name, arguments)
    function = getattr(keras.activations, name)
    with tf.GradientTape() as tape:
        x = tf.constant(z)
        tape.watch(x)
        twin = function(x, **arguments)
    twin_gradient = tape.gradient(twin, x, tf.constant(da)).numpy()
    with np.errstate(all="ignore"):
        bounded = precision.exact(z)
        exact = FORWARD[name](bounded, **arguments)
        within(precision, twin.numpy(), exact, z)
        a = activation.of(z)
        within(precision, a, exact, z)
        for found, gradient in ((twin.numpy(), twin_gradient), (a, activation.gradient(z, a, da))):
            right = BACKWARD[name](
                bounded, precision.exact(found), precision.exact(da), **arguments
            )
            within(precision, gradient, right, z)

"""Activations: forward and backward side by side, as ops on buffers that already exist.

Every array is ``(samples, ..., units)``. A forward function appends to a tape what writes the
activation ``a`` of the pre-activation ``z``; a backward function what writes ``dz``, the gradient
of the loss with respect to ``z``, from ``da``, that with respect to ``a``. No op allocates: what
it needs beside these is in a `Scratch`. ``dz`` may not share memory with ``da``.

`ACTIVATIONS` lists what exists by Keras's name, with its arguments.
"""

from collections.abc import Mapping
from typing import Any

from scratchnet.activations import basic, piecewise, rows, smooth
from scratchnet.activations.base import REQUIRED, Activation, Scratch
from scratchnet.errors import check_choice

_RELU = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}
_AXIS, _ALPHA, _SHRINK = {"axis": -1}, {"alpha": 1.0}, {"threshold": 0.5}
_THRESHOLD = {"threshold": REQUIRED, "default_value": REQUIRED}

ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation("linear", basic.linear, basic.linear_backward),
        Activation("relu", basic.relu, basic.relu_backward, _RELU),
        Activation("sigmoid", basic.sigmoid, basic.sigmoid_backward),
        Activation("tanh", basic.tanh, basic.tanh_backward),
        Activation("softmax", basic.softmax, basic.softmax_backward, _AXIS),
        Activation("celu", smooth.celu, smooth.celu_backward, _ALPHA),
        Activation("elu", smooth.elu, smooth.elu_backward, _ALPHA),
        Activation("exponential", smooth.exponential, smooth.exponential_backward),
        Activation("gelu", smooth.gelu, smooth.gelu_backward, {"approximate": False}),
        Activation("hard_shrink", piecewise.hard_shrink, piecewise.shrink_backward, _SHRINK),
        Activation("hard_sigmoid", piecewise.hard_sigmoid, piecewise.hard_sigmoid_backward),
        Activation("hard_silu", piecewise.hard_silu, piecewise.hard_silu_backward),
        Activation("hard_tanh", piecewise.hard_tanh, piecewise.hard_tanh_backward),
        Activation(
            "leaky_relu",
            piecewise.leaky_relu,
            piecewise.leaky_relu_backward,
            {"negative_slope": 0.2},
        ),
        Activation("log_sigmoid", smooth.log_sigmoid, smooth.log_sigmoid_backward),
        Activation("log_softmax", rows.log_softmax, rows.log_softmax_backward, _AXIS),
        Activation("mish", smooth.mish, smooth.mish_backward),
        Activation("relu6", piecewise.relu6, piecewise.relu6_backward),
        Activation("selu", smooth.selu, smooth.selu_backward),
        Activation("silu", smooth.silu, smooth.silu_backward),
        Activation("soft_shrink", piecewise.soft_shrink, piecewise.shrink_backward, _SHRINK),
        Activation("softplus", smooth.softplus, smooth.softplus_backward),
        Activation("softsign", smooth.softsign, smooth.softsign_backward),
        Activation("sparse_plus", piecewise.sparse_plus, piecewise.sparse_plus_backward),
        Activation("sparse_sigmoid", piecewise.sparse_sigmoid, piecewise.sparse_sigmoid_backward),
        Activation("squareplus", smooth.squareplus, smooth.squareplus_backward, {"b": 4}),
        Activation("tanh_shrink", smooth.tanh_shrink, smooth.tanh_shrink_backward),
        Activation("threshold", piecewise.threshold, piecewise.threshold_backward, _THRESHOLD),
    )
}


def activation_of(name: object, arguments: Mapping[str, Any] | None = None) -> Activation:
    """Return an activation by its name, with arguments where the defaults will not do.

    Raises
    ------
    ArchitectureError
        If there is none of this name, or an argument is unknown, missing or wrong.
    """
    check_choice("activation", name, ACTIVATIONS)
    return ACTIVATIONS[str(name)].given(arguments)


__all__ = ["ACTIVATIONS", "Activation", "Scratch", "activation_of"]

"""Which mistakes to try for a tensor.

They are keyed by the kind of layer and the tensor's short name, and fall back to those of any
layer with such a tensor, then to those of any tensor with that role (a weight's gradient, update or
slot), and to those that every tensor may show. A new layer registers its own beside them.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import replace

from experiments.parity.mistakes import backward, forward, loss, update
from experiments.parity.mistakes.general import general
from experiments.parity.mistakes.scene import Mistakes, Scene, mistake

KNOWN: dict[tuple[str, str], Callable[[Scene], Mistakes]] = {
    ("Dense", "pre_activation"): forward.pre_activation,
    ("Dense", "kernel_gradient"): backward.kernel_gradient,
    ("Dense", "bias_gradient"): backward.bias_gradient,
    ("", "activation"): forward.activation,
    ("", "loss"): loss.loss,
    ("", "activation_gradient"): backward.activation_gradient,
    ("", "pre_activation_gradient"): backward.pre_activation_gradient,
    ("", "updated"): update.updated,
    ("", "slot"): update.slot,
}
"""By kind of layer (empty: any) and short name of the tensor, or its role."""


def mistakes(scene: Scene) -> Mistakes:
    """Yield the mistakes that a tensor may show: nothing at all, the specific, the general."""
    forms: Counter[Hashable] = Counter()
    for found in _in_order(scene):
        form = forms[found.key]
        forms[found.key] += 1
        yield replace(found, form=form) if form else found


def _in_order(scene: Scene) -> Mistakes:
    yield mistake("zero", lambda: scene.right * 0)
    kind = type(scene.layer).__name__
    keys = [(kind, scene.tensor), (kind, scene.role), ("", scene.tensor), ("", scene.role)]
    for key in dict.fromkeys(keys):
        if key in KNOWN:
            # A layer may lack what others of its kind have, as a layer without pre-activations.
            with contextlib.suppress(LookupError, ValueError):
                yield from KNOWN[key](scene)
    yield from general(scene)

"""Which mistakes to try for a tensor."""

from __future__ import annotations

from collections.abc import Callable

from experiments.parity.mistakes import backward, forward, loss, update
from experiments.parity.mistakes.general import general
from experiments.parity.mistakes.scene import Scene, Variants, variant

_SPECIFIC: dict[str, Callable[[Scene], Variants]] = {
    "pre_activation": forward.pre_activation,
    "activation": forward.activation,
    "loss": loss.loss,
    "activation_gradient": backward.activation_gradient,
    "pre_activation_gradient": backward.pre_activation_gradient,
    "kernel_gradient": backward.kernel_gradient,
    "bias_gradient": backward.bias_gradient,
    "kernel_updated": update.updated,
    "bias_updated": update.updated,
}


def variants(scene: Scene) -> Variants:
    """Yield the mistakes that a tensor may show: nothing at all, the specific, the general."""
    yield variant("zero", lambda: scene.right * 0)
    yield from _SPECIFIC.get(scene.tensor, update.slot)(scene)
    yield from general(scene)

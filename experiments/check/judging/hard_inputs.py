"""Remarks on robustness: what happens on hard inputs, and the usual cure."""

from __future__ import annotations

import math
from dataclasses import replace

from experiments.check.cases import HARD, dense_layers
from experiments.check.judging.meaning import LARGEST_GUARD
from experiments.check.judging.noise import CaseVerdict, TensorVerdict
from experiments.check.tensor_names import LOSS

DECISIVE = ("zero", "zero_class", "one_class", "large_activations")
"""Hard inputs on which a finite wrong value is a mistake: nothing there is too large to compute."""

_SIGMOID_CURE = (
    "compute it as 1 / (1 + exp(-z)) where z >= 0 and as exp(z) / (1 + exp(z)) elsewhere, or with "
    "scipy.special.expit"
)
_SOFTMAX_CURE = "subtract the largest logit of each sample before exp"
_LOSS_CURE = (
    "compute the loss from the logits, max(z, 0) - z y + log1p(exp(-|z|)), as Keras on TensorFlow "
    "does, or clip the prediction to [1e-7, 1 - 1e-7], as Keras on JAX and torch does"
)
_ROWS_LOSS_CURE = "compute the loss from the logits, or clip the prediction to [1e-7, 1 - 1e-7]"
_GRADIENT_CURE = "pass back p - y, the gradient of the logits, which divides by nothing"


def deciding_part(verdict: CaseVerdict) -> CaseVerdict:
    """Return what of a hard case has a say in the verdict: finite values.

    Where outputs saturate, only the forward pass has. A loss and gradients may be guarded there,
    and so may a probability, by no more than the 1e-7 by which Keras guards its own.
    """
    anything = verdict.observation.case.hard in DECISIVE

    def decides(tensor: TensorVerdict) -> bool:
        if not tensor.key.startswith("0|") or not (tensor.ours is None or _finite(tensor)):
            return False
        forward = tensor.tensor in ("pre_activation", "activation")
        return anything or (forward and tensor.max_abs > LARGEST_GUARD * tensor.scale)

    tensors = [tensor for tensor in verdict.tensors if decides(tensor)]
    return replace(verdict, tensors=tensors, observation=replace(verdict.observation, problems=[]))


def remarks_on(verdict: CaseVerdict, *, ordinary: bool) -> dict[str, str]:
    """Return remarks by code on one hard case.

    Parameters
    ----------
    verdict
        Of the case; what `deciding_part` keeps of it is left to the verdict.
    ordinary
        Whether all is right on ordinary inputs. Else a finite difference says nothing about hard
        ones.
    """
    case = verdict.observation.case
    found: dict[str, str] = {}
    for problem in verdict.observation.problems:
        found[f"{case.hard}:{problem.code}"] = f"on {_inputs(verdict)}, {problem.sentence}"
    divergent = [t for t in verdict.divergent if t.key.startswith("0|") and t.index is not None]
    last = f"{dense_layers(case.architecture)[-1].name}/activation"
    loss = next((t for t in divergent if t.name == LOSS), None)
    prediction = next((t for t in divergent if t.name == last), None)
    every = [t for t in verdict.tensors if t.key[:2] == "0|" and t.tensor.endswith("_gradient")]
    # Beside the largest gradient, what is lost of a tiny one is nothing: 1 - p of 1e-27, say.
    least = LARGEST_GUARD * max((t.scale for t in every), default=0.0)
    gradients = [t for t in every if t in divergent and not t.max_abs <= least]
    rows = case.architecture.loss.name != "binary_crossentropy"
    # One remark for all hard inputs that bring the same trouble.
    kind = "classes" if rows else "binary"
    if prediction is not None and not _finite(prediction):
        cure = _SOFTMAX_CURE if rows else _SIGMOID_CURE
        found[f"{kind}:prediction"] = (
            f"the prediction is {prediction.ours} on {_inputs(verdict)}, because exp overflows; "
            f"{cure}"
        )
        return found
    if loss is not None and not _finite(loss):
        cure = _ROWS_LOSS_CURE if rows else _LOSS_CURE
        found[f"{kind}:loss"] = (
            f"the cost is {loss.ours} on {_inputs(verdict)}, because of log(0); {cure}"
        )
    endless = [t for t in gradients if not _finite(t)]
    if endless:
        found[f"{kind}:gradient"] = (
            f"the gradients are {endless[0].ours} on {_inputs(verdict)}, because something is "
            f"divided by 0; {_GRADIENT_CURE}"
        )
    if case.hard in DECISIVE or not ordinary:
        return found
    if prediction is not None:
        if not deciding_part(verdict).divergent:
            found["clipped"] = (
                f"the prediction is {prediction.ours:.9g} on {_inputs(verdict)} where Keras says "
                f"{prediction.right:.9g}: large logits are clipped, or probabilities are"
            )
        return found
    if loss is not None and _finite(loss):
        found[f"{case.hard}:loss"] = (
            f"the cost is {loss.ours:.6g} on {_inputs(verdict)} where Keras on TensorFlow, which "
            f"works on the logits, says {loss.right:.6g}: a clipped or guarded logarithm, as in "
            "Keras on JAX and torch"
        )
    if gradients and not endless:
        worst = max(gradients, key=lambda t: t.max_abs)
        found[f"{case.hard}:gradient"] = (
            f"the gradients differ from Keras's on {_inputs(verdict)} ({worst.name} is "
            f"{worst.ours:.6g} for {worst.right:.6g}){_why_less(worst)}"
        )
    return found


def _why_less(gradient: TensorVerdict) -> str:
    """Say why a gradient has all but vanished, if it has."""
    if gradient.ours is None or abs(gradient.ours) > abs(gradient.right) / 2:
        return ""
    return (
        ": a saturated output passes back less than p - y, so that it can hardly learn its way "
        f"out; {_GRADIENT_CURE}"
    )


def _finite(tensor: TensorVerdict) -> bool:
    return tensor.ours is not None and math.isfinite(tensor.ours)


def _inputs(verdict: CaseVerdict) -> str:
    return {
        "zero": "inputs that make every pre-activation of the first layer exactly 0",
        "zero_class": "a batch of class 0 only",
        "one_class": "a batch of class 1 only",
        "saturated": "a batch whose outputs saturate (logits near 60)",
        "large": "a batch with logits of plus and minus 1000",
        "large_activations": "inputs on which relus reach 300",
    }.get(verdict.observation.case.hard, HARD.get(verdict.observation.case.hard, ""))

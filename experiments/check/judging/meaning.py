"""Differences of meaning that are no mistakes: named in a remark, and not called divergent.

What people add on purpose, and what differs from Keras by no more than Keras differs from itself.
"""

from __future__ import annotations

from dataclasses import replace

from experiments.check.judging.noise import CaseVerdict, TensorVerdict, explained
from experiments.check.judging.observed import in_step, observed_step
from experiments.check.tensor_names import ACCURACY, LOSS
from experiments.parity.mistakes.fitting import fitted_epsilon, with_epsilon
from scratchnet.losses import EPSILON

_EPSILON_SENTENCES = {
    "epsilon_in_log": "is added inside the logarithm",
    "epsilon_in_gradient": "is added to what y and 1 - y are divided by",
}

LARGEST_GUARD = EPSILON * 1.01
"""Keras itself clips probabilities by its epsilon where it does not work on logits."""


def forgive(verdict: CaseVerdict) -> tuple[CaseVerdict, dict[str, str]]:
    """Take a small guard of the logarithm, and an accuracy in per cent, for what they are.

    Returns
    -------
    tuple
        The verdict, in which tensors that are explained count as rounding; and remarks by code.
    """
    remarks: dict[str, str] = {}
    divergent = {tensor.key: tensor for tensor in verdict.divergent}
    if not divergent:
        return verdict, remarks
    forgiven: set[str] = set()
    for key in (f"0|{ACCURACY}", f"again|{ACCURACY}", f"1|{ACCURACY}"):
        if key in divergent:
            right = verdict.references[key.partition("|")[0]][ACCURACY]
            if explained(verdict, divergent[key], 100 * right):
                forgiven.add(key)
                remarks["percent"] = "the accuracy is given in per cent; Keras gives a share"
    forgiven |= _guarded(verdict, divergent, remarks)
    tensors = [
        replace(tensor, verdict="rounding") if tensor.key in forgiven else tensor
        for tensor in verdict.tensors
    ]
    return replace(verdict, tensors=tensors), remarks


def _guarded(
    verdict: CaseVerdict, divergent: dict[str, TensorVerdict], remarks: dict[str, str]
) -> set[str]:
    """Return the tensors that a small epsilon beside the probabilities explains."""
    if verdict.observation.case.architecture.loss.name == "mean_squared_error":
        return set()
    losses = [t for t in divergent.values() if t.name == LOSS]
    others = [t for t in divergent.values() if t.name not in (LOSS, ACCURACY)]
    if any(not t.tensor.endswith(("_gradient", "_updated")) for t in others):
        return set()
    forgiven: set[str] = set()
    seen = observed_step(verdict)
    for tensors, code in ((losses, "epsilon_in_log"), (others, "epsilon_in_gradient")):
        if not tensors:
            continue
        first = tensors[0]
        if first.key.partition("|")[0] == "1":
            continue
        guards = [
            (fitted_epsilon(seen, in_step(first.name), both=both), both) for both in (True, False)
        ]
        epsilon, both = next((g for g in guards if g[0] is not None), (None, True))
        if epsilon is None or epsilon > LARGEST_GUARD:
            continue
        replayed = with_epsilon(seen, epsilon, of_loss=code == "epsilon_in_log", both=both)
        explains = {
            t.key
            for t in tensors
            if not t.key.startswith("1|") and explained(verdict, t, replayed[in_step(t.name)].value)
        }
        # In the second step the same guard is at work; it is not replayed again.
        if len(explains) == sum(not t.key.startswith("1|") for t in tensors):
            forgiven |= {t.key for t in tensors}
            remarks[code] = (
                f"{epsilon:.1g} {_EPSILON_SENTENCES[code]}: a difference of meaning, no larger "
                "than the 1e-7 by which Keras on JAX and torch clips; Keras on TensorFlow works on "
                "the logits and adds nothing"
            )
    return forgiven


def remark_on_outputs(verdict: CaseVerdict) -> str:
    """Return a remark on a network that is not Keras's with several outputs, or nothing.

    It is no verdict: few networks are written for more than one sigmoid.
    """
    units = verdict.observation.case.architecture.units
    if not verdict.divergent or verdict.observation.problems:
        return ""
    references = verdict.references["0"]
    judged = [
        tensor
        for tensor in verdict.tensors
        if tensor.key.startswith("0|")
        and (tensor.name == LOSS or tensor.tensor.endswith("_gradient"))
    ]
    if all(explained(verdict, t, units * references[t.name]) for t in judged):
        return (
            "with several outputs the binary cross-entropy is summed over them; Keras takes the "
            f"mean, so that loss and gradients are {units} times Keras's with {units} outputs"
        )
    return (
        f"with {units} outputs {verdict.divergent[0].name} is not Keras's; the network was judged "
        "with one"
    )

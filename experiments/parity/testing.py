"""Hold your own network against Keras in your own tests, in the manner of `numpy.testing`.

No tolerance is picked: each number has a bound on what rounding can explain, derived from the
arithmetic and propagated through the whole step. The bounds suit the formulas that Keras uses on
any backend, and those of the article (see `experiments.parity.step.TwinStep.for_foreign_code`). A
right network by yet another formula may round more; ``python -m experiments.check`` measures how
much your own code rounds, and judges it by that.

Weights are named and laid out as in Keras: ``"dense_1/kernel"`` is ``(inputs, units)``,
``"dense_1/bias"`` is ``(units,)``, and samples come first.

Examples
--------
>>> from experiments.parity.testing import assert_gradients_match
>>> architecture = {
...     "input_shape": [2],
...     "layers": [{"units": 4, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}],
...     "loss": "binary_crossentropy",
... }
>>> def test_gradients():
...     loss, gradients = my_network(weights, x, y)
...     assert_gradients_match(architecture, weights, x, y, gradients, loss=loss)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from experiments.parity.step import TwinStep
from experiments.parity.trace import ParityRow, Snapshot, new_state
from experiments.parity.verdict import Divergence, Judgement, Sides, judge_values
from scratchnet.architecture import Architecture
from scratchnet.history import History
from scratchnet.network import Network
from scratchnet.optimizers import Optimizer, optimizer_from_dict
from scratchnet.training import BatchOrder, Training
from scratchnet.types import Array

Arrays = Mapping[str, ArrayLike]
AnyArchitecture = Architecture | Mapping[str, Any] | Sequence[Mapping[str, Any]]
AnyOptimizer = Optimizer | Mapping[str, Any]

PERTURBED_RUNS = 6

_SIDES = Sides(ours="yours", twin="Keras")


def assert_gradients_match(
    architecture: AnyArchitecture,
    weights: Arrays,
    x: ArrayLike,
    y: ArrayLike,
    gradients: Arrays,
    *,
    loss: float | None = None,
    activations: Arrays | None = None,
) -> None:
    """Assert that the gradients of a batch's mean loss are Keras's, to rounding.

    Parameters
    ----------
    architecture
        An `Architecture`, its dict, or the article's list of layers.
    weights
        By full name; their dtype, float32 or float64, is the one that is judged.
    x, y
        ``(samples, features)``, and targets as the loss takes them: ``(samples, units)``, or
        class numbers ``(samples,)`` for a sparse loss.
    gradients
        Yours, by the full name of the weight.
    loss
        Yours, if it is to be compared too.
    activations
        Yours by layer name, if they are to be compared too: a mistake is then named more surely.

    Raises
    ------
    AssertionError
        Naming the first tensor that differs by more than rounding, the values, and the likely
        mistake.
    ValueError
        If the arguments do not fit each other.
    """
    made = as_architecture(architecture)
    snapshot, dtype = _snapshot(made, weights, x, y)
    step = _twin_step(made, dtype, snapshot, None)
    ours = _observed(made, loss, activations)
    ours |= _fitting("gradients", gradients, made, "_gradient")
    _raise_if_off("gradients", judge_values("step", step, ours, _SIDES))


def assert_step_matches(
    architecture: AnyArchitecture,
    weights: Arrays,
    x: ArrayLike,
    y: ArrayLike,
    updated: Arrays,
    *,
    optimizer: AnyOptimizer,
    loss: float | None = None,
    gradients: Arrays | None = None,
    activations: Arrays | None = None,
    slots: Arrays | None = None,
    iterations: int = 0,
    updated_slots: Arrays | None = None,
) -> None:
    """Assert that a training step leaves the weights where Keras's leaves them, to rounding.

    Give your gradients too where you can: the update is then judged by itself, from these very
    gradients, and a mistake that is small beside the rounding of a whole step shows, as in the
    place or the value of an epsilon.

    Parameters
    ----------
    architecture, weights, x, y, loss, activations
        As for `assert_gradients_match`; `weights` are those before the step.
    gradients
        Yours, by the full name of the weight: compared too, and what the update starts from.
    updated
        Your weights after the step, by full name.
    optimizer
        An `Optimizer`, or its dict as ``{"name": "sgd", "learning_rate": 0.1}``.
    slots
        The optimizer's slots before the step, as ``"dense_1/kernel_momentum"``; None: all 0.
    iterations
        Number of updates made before.
    updated_slots
        Your slots after the step, if they are to be compared too.

    Raises
    ------
    AssertionError, ValueError
        As `assert_gradients_match`.
    """
    made = as_architecture(architecture)
    rule = optimizer if isinstance(optimizer, Optimizer) else optimizer_from_dict(optimizer)
    snapshot, dtype = _snapshot(made, weights, x, y, slots, iterations)
    step = _twin_step(made, dtype, snapshot, rule)
    ours = _observed(made, loss, activations)
    if gradients is not None:
        given = _fitting("gradients", gradients, made, "_gradient")
        step = _updated_from(step, rule, given)
        ours |= given
    ours |= _fitting("updated", updated, made, "_updated")
    ours |= {name: np.asarray(value) for name, value in (updated_slots or {}).items()}
    _raise_if_off("updated weights", judge_values("step", step, ours, _SIDES))


def assert_training_matches(
    architecture: AnyArchitecture,
    weights: Arrays,
    x: ArrayLike,
    y: ArrayLike,
    history: Mapping[str, Sequence[float]] | Sequence[float],
    *,
    optimizer: AnyOptimizer,
    batch_size: int | None = None,
    shuffle_seed: int | None = None,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
) -> None:
    """Assert that a training's losses are Keras's, to what rounding can do to a training.

    Training amplifies rounding, so the distance of two right trainings may grow large. How large
    is measured: scratchnet trains again from weights perturbed in their last place, and your
    curve may be as far from Keras's as those runs make likely (see `experiments.parity.envelope`).

    Parameters
    ----------
    architecture, weights, x, y, optimizer
        As for `assert_step_matches`; `weights` are those at the start.
    history
        Your loss of each epoch, the mean over its batches before their updates as in Keras; or a
        dict of ``loss`` and ``val_loss``.
    batch_size, shuffle_seed
        The batches that you trained on, see `scratchnet.BatchOrder`: None is one batch of all
        samples, and no shuffling.
    validation_data
        Inputs and targets of ``val_loss``.

    Raises
    ------
    AssertionError
        Naming the curve and the first epoch that is off.
    ValueError
        If the arguments do not fit each other.
    """
    # Imported here because TensorFlow takes seconds to start.
    from experiments.parity.envelope import envelope, judge_free, perturbed_histories
    from experiments.parity.exact.reference import reference_step
    from keras_baseline.model import build
    from keras_baseline.training import train
    from keras_baseline.weights import set_weights

    made = as_architecture(architecture)
    rule = optimizer if isinstance(optimizer, Optimizer) else optimizer_from_dict(optimizer)
    curves = dict(history) if isinstance(history, Mapping) else {"loss": history}
    epochs = len(curves.get("loss", ()))
    if not epochs:
        raise ValueError("history: no losses; expected one per epoch under 'loss'")
    if "val_loss" in curves and validation_data is None:
        raise ValueError("history: 'val_loss' without validation_data; expected those data too")
    snapshot, dtype = _snapshot(made, weights, x, y)
    start, inputs, targets = snapshot.weights, snapshot.x, snapshot.y
    held_out = inputs, targets
    if validation_data is not None:
        shown = _snapshot(made, weights, *validation_data)[0]
        held_out = shown.x, shown.y

    training = Training(
        architecture=made,
        dtype=dtype,
        optimizer=rule,
        weights=start,
        x=inputs,
        y=targets,
        order=BatchOrder(len(inputs), batch_size, shuffle_seed),
        epochs=epochs,
        validation_data=held_out,
    )
    network = training.network()
    base = training.fit(network, new_state(network, rule))
    perturbed = perturbed_histories(training, range(PERTURBED_RUNS))
    model = build(made, dtype)
    set_weights(model, start)
    twin = train(model, training)
    ours = History(loss=list(curves["loss"]), val_loss=list(curves.get("val_loss", twin.val_loss)))
    first_loss = reference_step(made, dtype, Snapshot(0, start, {}, inputs, targets))["loss"]
    rows = judge_free(ours, twin, envelope(base, perturbed), first_loss)
    off = [row for row in rows if row.verdict == "divergent"]
    if off:
        row = min(off, key=lambda row: row.step)
        mine, keras = (getattr(h, row.tensor)[row.step] for h in (ours, twin))
        raise AssertionError(
            f"{row.tensor} differs from Keras's: first at epoch {row.step}\n"
            f"  yours   {mine:.9g}\n"
            f"  Keras   {keras:.9g}\n"
            f"  apart   {abs(mine - keras):.3g}, at most {row.bound_ratio:.3g} times what runs "
            "perturbed in their last place show\n"
            "  next    give one step and its gradients to assert_step_matches; if it passes, look "
            "between the steps: the batches and their order, what is kept from one step to the "
            "next, the mean over an epoch"
        )


def as_architecture(architecture: AnyArchitecture) -> Architecture:
    """Return an architecture from any of its forms.

    Raises
    ------
    ArchitectureError
        If something in it is wrong.
    """
    if isinstance(architecture, Architecture):
        return architecture
    if isinstance(architecture, Mapping):
        return Architecture.from_dict(architecture)
    return Architecture.from_article(architecture)


def _snapshot(
    architecture: Architecture,
    weights: Arrays,
    x: ArrayLike,
    y: ArrayLike,
    slots: Arrays | None = None,
    iterations: int = 0,
) -> tuple[Snapshot, str]:
    """Check the arguments, and return where the step starts, and its dtype."""
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    dtypes = {str(value.dtype) for value in arrays.values()}
    if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
        raise ValueError(f"weights: dtypes {sorted(dtypes)}, expected all float32 or all float64")
    [dtype] = dtypes
    network = Network(architecture, seed=0, dtype=dtype)
    network.set_weights(arrays)  # checks names and shapes
    inputs = network.check_inputs(x)
    targets = network.check_targets(y, len(inputs))
    given = {name: np.asarray(value, dtype) for name, value in (slots or {}).items()}
    return Snapshot(iterations, arrays, given, inputs, targets), dtype


def _twin_step(
    architecture: Architecture, dtype: str, snapshot: Snapshot, optimizer: Optimizer | None
) -> TwinStep:
    from keras_baseline.tracing import KerasStep

    shapes = architecture.weight_shapes()
    slots = {
        f"{name}_{slot}": snapshot.slots.get(f"{name}_{slot}", np.zeros(shape, dtype))
        for name, shape in shapes.items()
        for slot in (optimizer.slots if optimizer else ())
    }
    if unknown := snapshot.slots.keys() - slots.keys():
        raise ValueError(f"slots: {sorted(unknown)} unknown; expected {sorted(slots)}")
    started = Snapshot(snapshot.step, snapshot.weights, slots, snapshot.x, snapshot.y)
    step = TwinStep.take(KerasStep(architecture, dtype, optimizer), started)
    return step.for_foreign_code()


def _updated_from(step: TwinStep, rule: Optimizer, gradients: dict[str, Array]) -> TwinStep:
    """Return the step with its update made from your gradients, on Keras's side too."""
    from keras_baseline.model import build
    from keras_baseline.optimizers import OptimizerTwin
    from keras_baseline.weights import set_weights

    model, start = build(step.architecture, step.dtype), step.snapshot
    set_weights(model, start.weights)
    by_weight = {name.removesuffix("_gradient"): value for name, value in gradients.items()}
    twin = OptimizerTwin(rule, step.dtype).update(model, by_weight, start.slots, start.step)
    return step.updated_from(gradients, twin)


def _observed(
    architecture: Architecture, loss: float | None, activations: Arrays | None
) -> dict[str, Array]:
    names = [layer.name for layer in architecture.layers]
    if unknown := (activations or {}).keys() - set(names):
        raise ValueError(f"activations: {sorted(unknown)} unknown; expected some of {names}")
    found = {f"{name}/activation": np.asarray(a) for name, a in (activations or {}).items()}
    return found if loss is None else {"loss": np.asarray(loss), **found}


def _fitting(
    argument: str, arrays: Arrays, architecture: Architecture, suffix: str
) -> dict[str, Array]:
    """Check names and shapes of weights or their gradients, and return them by tensor name."""
    shapes = architecture.weight_shapes()
    if arrays.keys() != shapes.keys():
        raise ValueError(f"{argument}: {sorted(arrays)}, expected {sorted(shapes)}")
    found = {}
    for name, shape in shapes.items():
        array = np.asarray(arrays[name])
        if array.shape != shape:
            hint = "; it looks transposed" if array.shape == shape[::-1] else ""
            raise AssertionError(
                f"{argument}[{name!r}]: shape {array.shape}, expected {shape}{hint}"
            )
        found[f"{name}{suffix}"] = array
    return found


def _raise_if_off(what: str, judgement: Judgement) -> None:
    """Raise if our side leaves its bound anywhere."""
    off = [row for row in judgement.rows if _SIDES.ours in row.side]
    first = judgement.first_divergence
    if off and first is not None:
        raise AssertionError(_message(what, first, off))


def _message(what: str, first: Divergence, off: Sequence[ParityRow]) -> str:
    name = _full_name(first)
    at = f"[{', '.join(map(str, first.index))}]" if first.index else ""
    others = [_full_name(row) for row in off if _full_name(row) != name]
    lines = [
        f"{what} differ from Keras's: first at {name}{at}",
        f"  yours   {first.ours:.9g}",
        f"  Keras   {first.twin:.9g}",
        f"  exact   {first.exact:.9g}",
        f"  apart   {first.ulps:.3g} ulps; rounding explains {first.bound:.3g}",
        f"  off     {first.side}",
        f"  likely  {first.sentence.rpartition('; ')[2]}",
    ]
    if others:
        lines.append(f"  also    {', '.join(others)}")
    return "\n".join(lines)


def _full_name(found: Divergence | ParityRow) -> str:
    return found.tensor if found.tensor == "loss" else f"{found.layer}/{found.tensor}"

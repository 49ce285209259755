"""From a divergent tensor to the likely mistake.

Each known mistake is a variant of the right formula. A variant is replayed on the very inputs of
the tensor; if it explains the value to rounding, and the right formula does not, it is named. Two
families: plain mistakes, such as a missing 1/m, and differences of meaning, where both formulas
are in use and only one is Keras's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parity.formulas import BACKWARD, FORWARD, LOSS, Tensors
from experiments.parity.reference import dense_targets, reference_step
from experiments.parity.rounding import Bounded, Precision, matmul
from experiments.parity.trace import Snapshot
from scratchnet.architecture import Architecture
from scratchnet.layers import Dense
from scratchnet.network import StepTrace
from scratchnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop

Array = NDArray[Any]


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes
    ----------
    code
        For machines, as ``batch_size_missing``.
    sentence
        For people.
    """

    code: str
    sentence: str


Variant = tuple[Mistake, Callable[[], Bounded]]


@dataclass(frozen=True)
class Scene:
    """The inputs of one tensor, as both sides had them.

    Attributes
    ----------
    layers, index
        All layers, and which of them the tensor belongs to (-1 for the loss).
    tensor
        Short name, as ``kernel_gradient``; weights' tensors keep the weight in `weight`.
    weight
        ``kernel`` or ``bias``, or empty.
    right
        The right value of this tensor.
    """

    architecture: Architecture
    precision: Precision
    snapshot: Snapshot
    optimizer: Optimizer | None
    twin: StepTrace
    layers: tuple[Dense, ...]
    index: int
    tensor: str
    weight: str
    right: Bounded

    def exact(self, name: str) -> Bounded:
        """Return a tensor of the twin by full name."""
        return self.precision.exact(self.twin.tensors[name])

    def of(self, tensor: str, index: int | None = None) -> Bounded:
        """Return a tensor of a layer; before the first layer, the activation is the input."""
        i = self.index if index is None else index
        if i < 0:
            return self.precision.exact(self.snapshot.x.astype(self.precision.dtype))
        return self.exact(f"{self.layers[i].name}/{tensor}")

    def parameter(self, weight: str, index: int | None = None) -> Bounded:
        """Return a weight as it stood before the update."""
        i = self.index if index is None else index
        return self.precision.exact(self.snapshot.weights[f"{self.layers[i].name}/{weight}"])

    @property
    def layer(self) -> Dense:
        """The tensor's layer."""
        return self.layers[self.index]

    @property
    def targets(self) -> Bounded:
        """Targets as numbers, one-hot where they are classes."""
        y = dense_targets(self.architecture, self.snapshot.y)
        return self.precision.exact(y.astype(self.precision.dtype))

    @property
    def samples(self) -> int:
        """Size of the batch."""
        return len(self.snapshot.x)


def diagnose(
    architecture: Architecture,
    dtype: str,
    snapshot: Snapshot,
    optimizer: Optimizer | None,
    name: str,
    ours: StepTrace,
    twin: StepTrace,
) -> Mistake | None:
    """Name the mistake that explains a divergent tensor, if a known one does.

    Parameters
    ----------
    architecture, dtype, snapshot, optimizer
        The step.
    name
        Full name of the tensor, or ``loss``.
    ours
        Our trace, each operation fed with the twin's inputs.
    twin
        The twin's trace.

    Returns
    -------
    Mistake or None
        The first of the known mistakes whose value lies within its rounding bound everywhere.
    """
    with np.errstate(all="ignore"):
        reference = reference_step(architecture, dtype, snapshot, optimizer, twin.tensors)
        scene = _scene(architecture, dtype, snapshot, optimizer, twin, name, reference)
        value = np.asarray(ours.loss if name == "loss" else ours.tensors[name])
        if np.array_equal(value, np.asarray(_twin_value(twin, name))):
            return None
        for mistake, make in _variants(scene):
            try:
                variant = make()
            except (KeyError, ValueError, FloatingPointError):
                continue  # the variant does not exist here, as a transposed kernel of 2 x 3
            if variant.shape == value.shape and explains(value, variant):
                return mistake
    return None


def explains(value: Array, variant: Bounded) -> bool:
    """Whether a value lies within rounding of a variant everywhere."""
    distance = np.abs(value - variant.value).astype(np.float64)
    both_infinite = ~np.isfinite(value) & ~np.isfinite(variant.value.astype(np.float64))
    within = np.isfinite(variant.error) & (distance <= variant.error)
    return bool(np.all(both_infinite | within))


def _twin_value(twin: StepTrace, name: str) -> Any:
    return twin.loss if name == "loss" else twin.tensors[name]


def _scene(
    architecture: Architecture,
    dtype: str,
    snapshot: Snapshot,
    optimizer: Optimizer | None,
    twin: StepTrace,
    name: str,
    reference: Tensors,
) -> Scene:
    layers = tuple(layer for layer in architecture.layers if isinstance(layer, Dense))
    layer_name, _, tensor = name.rpartition("/")
    index = [layer.name for layer in layers].index(layer_name) if layer_name else -1
    weight = next((w for w in ("kernel", "bias") if tensor.startswith(f"{w}_")), "")
    return Scene(
        architecture=architecture,
        precision=Precision.of(dtype),
        snapshot=snapshot,
        optimizer=optimizer,
        twin=twin,
        layers=layers,
        index=index,
        tensor=tensor[len(weight) + 1 :] if weight else tensor,
        weight=weight,
        right=reference[name],
    )


def _variants(scene: Scene) -> Iterator[Variant]:
    """Yield the mistakes to try, the specific before the general."""
    specific: dict[str, Callable[[Scene], Iterator[Variant]]] = {
        "pre_activation": _pre_activation,
        "activation": _activation,
        "loss": _loss,
        "activation_gradient": _activation_gradient,
        "pre_activation_gradient": _pre_activation_gradient,
        "gradient": _kernel_gradient if scene.weight == "kernel" else _bias_gradient,
        "updated": _updated,
        "momentum": _slot,
        "velocity": _slot,
    }
    yield from specific[scene.tensor](scene)
    yield from _general(scene)


def _general(scene: Scene) -> Iterator[Variant]:
    """Yield mistakes that any tensor may show: a factor, a sign, a transposition, nothing."""
    right, m, units = scene.right, scene.samples, scene.architecture.units
    factors: list[tuple[str, float, str]] = [
        ("sign", -1, "the sign is wrong"),
        ("zero", 0, "it is all zero: never computed, or never stored"),
        ("batch_size_missing", m, f"it is not divided by the batch size {m}: sum for mean"),
        ("batch_size_twice", 1 / m, f"it is divided by the batch size {m} twice"),
        ("factor_2", 2, "it is twice what it should be"),
        ("factor_half", 0.5, "it is half of what it should be"),
        ("units_missing", units, f"it is not divided by the number of outputs {units}"),
        (
            "units_twice",
            1 / units,
            f"it is divided by the number of outputs {units} once too often",
        ),
        ("size_missing", m * units, "it is a sum over batch and outputs, not a mean"),
        ("batch_size_minus_one", m / max(m - 1, 1), "it is divided by m - 1 instead of m"),
        ("batch_size_plus_one", m / (m + 1), "it is divided by m + 1 instead of m"),
    ]
    for code, factor, sentence in factors:
        yield Mistake(code, sentence), lambda factor=factor: right * factor  # type: ignore[misc]
    if len(right.shape) == 2:
        yield Mistake("transposed", "it is transposed"), lambda: right.T
    yield (
        Mistake("sign_batch_size", "the sign is wrong and the batch size missing"),
        lambda: right * -m,
    )


def _pre_activation(scene: Scene) -> Iterator[Variant]:
    x, kernel = scene.of("activation", scene.index - 1), scene.parameter("kernel")
    bias = scene.parameter("bias") if scene.layer.use_bias else None
    yield Mistake("bias_missing", "the bias is not added"), lambda: matmul(x, kernel)
    if bias is not None:
        yield (
            Mistake("bias_subtracted", "the bias is subtracted"),
            lambda: matmul(x, kernel, -bias),
        )
        yield (
            Mistake("bias_twice", "the bias is added twice"),
            lambda: matmul(x, kernel, 2 * bias),
        )
        yield (
            Mistake("bias_first_only", "the first unit's bias is added to all units"),
            lambda: matmul(x, kernel, bias.map(lambda b: np.broadcast_to(b[:1], b.shape))),
        )
    yield (
        Mistake("kernel_transposed", "the kernel is transposed"),
        lambda: matmul(x, kernel.T, bias),
    )
    if scene.index:
        before = scene.index - 1
        yield (
            Mistake("activation_skipped", "its input is the pre-activation before it"),
            lambda: matmul(scene.of("pre_activation", before), kernel, bias),
        )
        yield (
            Mistake("activation_twice", "its input was activated twice"),
            lambda: matmul(FORWARD[scene.layers[before].activation](x), kernel, bias),
        )


def _softmax_over_samples(z: Bounded) -> Bounded:
    e = (z - np.max(z.value, axis=0, keepdims=True)).exp()
    share: Bounded = e / e.sum(axis=0, keepdims=True)
    return share


def _leaky(z: Bounded, slope: float) -> Bounded:
    below: Bounded = z * z.precision.rounded(slope)
    return z.passes(z.value > 0, z.value < -np.inf) + below.passes(z.value <= 0, z.value < -np.inf)


_SLOPES = (0.01, 0.1, 0.2, 0.3)


def _activation(scene: Scene) -> Iterator[Variant]:
    z = scene.of("pre_activation")
    yield (
        Mistake("wrong_axis", "the softmax runs over the samples, not over the classes"),
        lambda: _softmax_over_samples(z),
    )
    for name, forward in FORWARD.items():
        if name != scene.layer.activation:
            yield (
                Mistake("wrong_activation", f"it is {name}, not {scene.layer.activation}"),
                lambda forward=forward: forward(z),  # type: ignore[misc]
            )
    for slope in _SLOPES:
        yield (
            Mistake("leaky", f"it is a leaky relu of slope {slope}"),
            lambda slope=slope: _leaky(z, slope),  # type: ignore[misc]
        )
    right = scene.right
    yield (
        Mistake("argument_sign", "the sign of its argument is wrong"),
        lambda: FORWARD[scene.layer.activation](-z),
    )
    yield Mistake("complement", "it is 1 minus the right value"), lambda: 1 - right
    yield (
        Mistake("normalisation_missing", "the softmax is not divided by its sum"),
        lambda: (z - np.max(z.value, axis=1, keepdims=True)).exp(),
    )
    yield (
        Mistake("half_argument", "its argument is halved"),
        lambda: FORWARD[scene.layer.activation](z * 0.5),
    )
    yield (
        Mistake("double_argument", "its argument is doubled"),
        lambda: FORWARD[scene.layer.activation](z * 2),
    )
    yield (
        Mistake("capped", "it is a relu capped at 6"),
        lambda: z.relu().clip(0.0, 6.0),
    )


def _output(scene: Scene, fused: bool) -> Bounded:
    return scene.of("pre_activation" if fused else "activation", len(scene.layers) - 1)


def _other_path(scene: Scene) -> tuple[Bounded, Bounded]:
    """Return loss and gradient by the path, fused or clipped, that Keras does not take here."""
    fused = not scene.architecture.fused
    formula = LOSS[scene.architecture.loss, fused]
    return formula(_output(scene, fused), scene.targets, scene.architecture.conventions)


_EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)


def _loss(scene: Scene) -> Iterator[Variant]:
    y = scene.targets
    p = _output(scene, fused=False)
    m, right = scene.samples, scene.right
    size = p.value.size
    if scene.architecture.loss == "binary_crossentropy":
        for epsilon in _EPSILONS:
            e = scene.precision.rounded(epsilon)
            yield (
                Mistake("epsilon_in_log", f"{epsilon} is added inside the logarithms"),
                lambda e=e: (
                    -(  # type: ignore[misc]
                        (y * (p + e).log() + (1 - y) * ((1 - p) + e).log()).sum() / size
                    )
                ),
            )
        yield (
            Mistake("negative_term_missing", "the term (1 - y) log(1 - p) is missing"),
            lambda: -((y * p.log()).sum() / size),
        )
        yield (
            Mistake("positive_term_missing", "the term y log p is missing"),
            lambda: -(((1 - y) * (1 - p).log()).sum() / size),
        )
    if "categorical" in scene.architecture.loss:
        for epsilon in _EPSILONS:
            e = scene.precision.rounded(epsilon)
            yield (
                Mistake("epsilon_in_log", f"{epsilon} is added inside the logarithm"),
                lambda e=e: -((y * (p + e).log()).sum() / m),  # type: ignore[misc]
            )
        yield (
            Mistake("classes_mean", "it is a mean over the classes, not a sum"),
            lambda: right / scene.architecture.units,
        )
    if scene.architecture.loss == "mean_squared_error":
        yield (
            Mistake("absolute_error", "it is the absolute error, not its square"),
            lambda: (p - y).abs().sum() / size,
        )
        yield Mistake("root", "it is the root of the mean square"), lambda: right.sqrt()
    if scene.architecture.loss != "mean_squared_error":
        yield (
            Mistake("squared_error", "it is the mean squared error"),
            lambda: ((p - y) * (p - y)).sum() / size,
        )
        yield (
            Mistake("log_base_2", "the logarithm has base 2"),
            lambda: right / scene.precision.exact(np.log(np.asarray(2, np.longdouble))),
        )
        yield (
            Mistake("clipped_or_fused", "the loss takes the other path, clipped for fused"),
            lambda: _other_path(scene)[0],
        )


def _activation_gradient(scene: Scene) -> Iterator[Variant]:
    last = len(scene.layers) - 1
    if scene.index == last:
        p, y, n = _output(scene, fused=False), scene.targets, scene.right.value.size
        yield (
            Mistake("difference_only", "it is p - y, the gradient of the logits"),
            lambda: (p - y) / n,
        )
        yield (
            Mistake("clip_ignored", "it passes where the prediction was clipped"),
            lambda: ((1 - y) / (1 - p) - y / p) / n,
        )
        return
    after = scene.index + 1
    dz, kernel = scene.of("pre_activation_gradient", after), scene.parameter("kernel", after)
    yield (
        Mistake("kernel_transposed", "the kernel after it is transposed"),
        lambda: matmul(dz, kernel),
    )
    yield (
        Mistake("stale_weights", "the kernel after it was updated before backward used it"),
        lambda: matmul(dz, scene.exact(f"{scene.layers[after].name}/kernel_updated").T),
    )
    yield (
        Mistake("derivative_missing", "the activation's derivative after it is missing"),
        lambda: matmul(scene.of("activation_gradient", after), kernel.T),
    )


def _pre_activation_gradient(scene: Scene) -> Iterator[Variant]:
    name = scene.layer.activation
    z, a = scene.of("pre_activation"), scene.of("activation")
    if scene.architecture.fused and scene.index == len(scene.layers) - 1:
        yield from _fused_gradient(scene, z, a)
        return
    da = scene.of("activation_gradient")
    never = z.value < -np.inf
    yield Mistake("derivative_missing", "the activation's derivative is missing"), lambda: da
    yield (
        Mistake("derivative_of_activation", "the derivative is taken at a instead of z"),
        lambda: BACKWARD[name](a, FORWARD[name](a), da),
    )
    if name == "relu":
        yield (
            Mistake("mask_at_zero", "the relu passes its gradient at exactly 0, Keras does not"),
            lambda: da.passes(z.value >= 0, never),
        )
        yield (
            Mistake("mask_inverted", "the relu's mask is inverted"),
            lambda: da.passes(z.value <= 0, never),
        )
        yield (
            Mistake("mask_of_gradient", "the relu's mask is that of the gradient"),
            lambda: da.passes(da.value > 0, never),
        )
        for slope in _SLOPES:
            yield (
                Mistake("leaky", f"it is the derivative of a leaky relu of slope {slope}"),
                lambda slope=slope: (
                    da.passes(z.value > 0, never)  # type: ignore[misc]
                    + (da * z.precision.rounded(slope)).passes(z.value <= 0, never)
                ),
            )
        yield (
            Mistake("derivative_is_activation", "it is multiplied by a, not by its sign"),
            lambda: da * a,
        )
        yield (
            Mistake("mask_without_gradient", "it is the mask alone"),
            lambda: (1 - da * 0).passes(z.value > 0, never),
        )
    if name == "sigmoid":
        yield (
            Mistake("factor_a_missing", "the derivative is 1 - a, not a (1 - a)"),
            lambda: da * (1 - a),
        )
        yield Mistake("factor_1_a_missing", "the derivative is a, not a (1 - a)"), lambda: da * a
        yield Mistake("square", "the derivative is 1 - a^2, that of tanh"), lambda: da * (1 - a * a)
        yield Mistake("sign_in_derivative", "the derivative is a (1 + a)"), lambda: da * a * (1 + a)
        yield Mistake("derivative_at_z", "the derivative is z (1 - z)"), lambda: da * z * (1 - z)
    if name == "tanh":
        yield (
            Mistake("square_missing", "the derivative is 1 - a, not 1 - a^2"),
            lambda: da * (1 - a),
        )
        yield (
            Mistake("sigmoid_derivative", "the derivative is a (1 - a), that of sigmoid"),
            (lambda: da * a * (1 - a)),
        )
        yield Mistake("sign_in_derivative", "the derivative is 1 + a^2"), lambda: da * (1 + a * a)
        yield Mistake("derivative_at_z", "the derivative is 1 - z^2"), lambda: da * (1 - z * z)
    if name == "softmax":
        yield (
            Mistake("softmax_diagonal", "only the diagonal of the softmax's derivative, a (1 - a)"),
            lambda: da * a * (1 - a),
        )
        yield Mistake("softmax_sum_missing", "the sum over the classes is missing"), lambda: da * a
        yield (
            Mistake("wrong_axis", "the sum runs over the samples, not over the classes"),
            (lambda: a * (da - (a * da).sum(axis=0, keepdims=True))),
        )
        yield (
            Mistake("factor_a_missing", "the factor a is missing"),
            lambda: da - (a * da).sum(axis=1, keepdims=True),
        )
        yield (
            Mistake("sum_without_a", "the sum is of da, not of a da"),
            lambda: a * (da - da.sum(axis=1, keepdims=True)),
        )
    if name == "linear":
        yield Mistake("extra_factor", "it is multiplied by a though linear"), lambda: da * a


def _fused_gradient(scene: Scene, z: Bounded, a: Bounded) -> Iterator[Variant]:
    y = scene.targets
    n = z.value.size if scene.architecture.loss == "binary_crossentropy" else scene.samples
    right = scene.right
    p = FORWARD["softmax"](z) if "categorical" in scene.architecture.loss else a
    yield (
        Mistake("derivative_twice", "the last activation's derivative is in it once too often"),
        lambda: right * a * (1 - a),
    )
    yield (
        Mistake("logits_for_probability", "it is z - y: the logits in place of p"),
        lambda: (z - y) / n,
    )
    yield Mistake("targets_missing", "the targets are not subtracted"), lambda: p / n
    yield Mistake("probability_missing", "the probabilities are missing"), lambda: -(y / n)
    yield Mistake("absolute", "its sign is lost"), lambda: right.abs()
    yield (
        Mistake("clipped_or_fused", "the gradient goes through clipping, and is 0 when saturated"),
        lambda: BACKWARD[scene.layer.activation](z, a, _other_path(scene)[1]),
    )
    yield (
        Mistake("digits_lost", "p - y is computed from a rounded p: digits cancel"),
        lambda: ((p - y) / n).widen(scene.precision.roundoff * (p.size + y.size) / n),
    )


def _kernel_gradient(scene: Scene) -> Iterator[Variant]:
    x, dz = scene.of("activation", scene.index - 1), scene.of("pre_activation_gradient")
    if scene.index:
        yield (
            Mistake("input_not_activated", "it uses the pre-activation before it as input"),
            lambda: matmul(scene.of("pre_activation", scene.index - 1).T, dz),
        )
    yield (
        Mistake("derivative_missing", "the activation's derivative is missing"),
        lambda: matmul(x.T, scene.of("activation_gradient")),
    )
    yield (
        Mistake("own_activation", "it uses the layer's own activation as input"),
        lambda: matmul(scene.of("activation").T, dz),
    )
    yield from _partial_batches(lambda part: matmul(x.map(part).T, dz.map(part)))
    yield (
        Mistake("absolute", "its sign is lost"),
        lambda: scene.right.abs(),
    )


def _partial_batches(make: Callable[[Callable[[Array], Array]], Bounded]) -> Iterator[Variant]:
    yield (
        Mistake("last_sample_missing", "the last sample of the batch is left out"),
        lambda: make(lambda values: values[:-1]),
    )
    yield (
        Mistake("first_sample_missing", "the first sample of the batch is left out"),
        lambda: make(lambda values: values[1:]),
    )
    yield (
        Mistake("last_sample_only", "only the last sample of the batch counts"),
        lambda: make(lambda values: values[-1:]),
    )
    yield (
        Mistake("first_sample_only", "only the first sample of the batch counts"),
        lambda: make(lambda values: values[:1]),
    )


def _bias_gradient(scene: Scene) -> Iterator[Variant]:
    dz = scene.of("pre_activation_gradient")
    m = scene.samples
    yield (
        Mistake("batch_size_twice", "it is a mean over the batch where dz is a mean already"),
        lambda: dz.sum(axis=0) / m,
    )
    yield (
        Mistake("derivative_missing", "the activation's derivative is missing"),
        lambda: scene.of("activation_gradient").sum(axis=0),
    )
    yield from _partial_batches(lambda part: dz.map(part).sum(axis=0))
    yield (
        Mistake("units_summed", "it is summed over the units too"),
        lambda: (
            dz.sum(axis=0)
            .sum(keepdims=True)
            .map(lambda v: np.broadcast_to(v.reshape(1), scene.right.shape))
        ),
    )


def _update_inputs(scene: Scene) -> tuple[Bounded, Bounded, Tensors, int]:
    full = f"{scene.layer.name}/{scene.weight}"
    w, g = scene.parameter(scene.weight), scene.exact(f"{full}_gradient")
    slots = {
        slot: scene.precision.exact(scene.snapshot.slots.get(f"{full}_{slot}", np.zeros(w.shape)))
        for slot in (scene.optimizer.slots if scene.optimizer else ())
    }
    return w, g, slots, scene.snapshot.step + 1


def _updated(scene: Scene) -> Iterator[Variant]:
    w, g, slots, t = _update_inputs(scene)
    rule = scene.optimizer
    yield Mistake("not_updated", "it is not updated"), lambda: w
    step = scene.right - w
    yield Mistake("ascent", "the update's sign is wrong: ascent"), lambda: w - step
    if rule is None:
        return
    number = scene.precision.rounded
    rate = number(float(getattr(rule, "learning_rate", 0.0)))
    yield Mistake("rate_missing", "the learning rate is missing"), lambda: w - g
    yield (
        Mistake("batch_size_twice", "the gradient is divided by the batch size again"),
        lambda: w - g / scene.samples * rate,
    )
    yield (
        Mistake("batch_size_missing", "the gradient is multiplied by the batch size"),
        lambda: w - g * scene.samples * rate,
    )
    yield Mistake("plain_descent", "the step is plain gradient descent"), lambda: w - g * rate
    yield Mistake("twice", "it is updated twice"), lambda: w - g * rate - g * rate
    if isinstance(rule, SGD) and rule.momentum:
        yield from _momentum_updates(rule, w, g, slots["momentum"])
    if isinstance(rule, RMSprop):
        yield from _rmsprop_updates(rule, w, g, slots["velocity"])
    if isinstance(rule, Adam):
        yield from _adam_updates(rule, w, g, slots, t)


def _momentum_updates(rule: SGD, w: Bounded, g: Bounded, m: Bounded) -> Iterator[Variant]:
    number = w.precision.rounded
    mu, rate = number(float(np.float32(rule.momentum))), number(rule.learning_rate)
    velocity = m * mu - g * rate
    yield (
        Mistake("nesterov_form", "Nesterov's step and the plain one are mistaken for each other"),
        lambda: w + (velocity if rule.nesterov else velocity * mu - g * rate),
    )
    yield (
        Mistake("rate_outside", "the learning rate multiplies the whole velocity"),
        lambda: w - rate * (m * mu + g),
    )
    yield (
        Mistake("dampened", "the gradient is dampened by 1 - momentum"),
        lambda: w + (m * mu - g * rate * number(1 - rule.momentum)),
    )
    yield Mistake("old_velocity", "the velocity before the update is used"), lambda: w + m
    yield (
        Mistake("momentum_missing", "the old velocity is added undamped"),
        lambda: w + (m - g * rate),
    )


def _rmsprop_updates(rule: RMSprop, w: Bounded, g: Bounded, old: Bounded) -> Iterator[Variant]:
    number = w.precision.rounded
    rate, epsilon = number(rule.learning_rate), number(rule.epsilon)
    v = number(rule.rho) * old + number(1 - rule.rho) * (g * g)
    yield (
        Mistake("epsilon_outside_root", "epsilon is outside the root, in Keras inside"),
        lambda: w - rate * g / (v.sqrt() + epsilon),
    )
    yield Mistake("root_missing", "the root is missing"), lambda: w - rate * g / (v + epsilon)
    yield Mistake("epsilon_missing", "epsilon is missing"), lambda: w - rate * g / v.sqrt()
    yield (
        Mistake("old_velocity", "the mean square before the update is used"),
        lambda: w - rate * g / (old + epsilon).sqrt(),
    )
    for other in _EPSILONS:
        yield (
            Mistake("epsilon_value", f"epsilon is {other}, in Keras {rule.epsilon}"),
            lambda other=other: w - rate * g / (v + number(other)).sqrt(),  # type: ignore[misc]
        )


def _adam_updates(rule: Adam, w: Bounded, g: Bounded, slots: Tensors, t: int) -> Iterator[Variant]:
    number = w.precision.rounded
    rate, epsilon = number(rule.learning_rate), number(rule.epsilon)
    beta_1, beta_2 = (number(float(np.float32(b))) for b in (rule.beta_1, rule.beta_2))
    m = slots["momentum"] + (g - slots["momentum"]) * number(1 - rule.beta_1)
    v = slots["velocity"] + (g * g - slots["velocity"]) * number(1 - rule.beta_2)
    decayed = w
    if isinstance(rule, AdamW):
        decay = number(float(np.float32(rule.weight_decay)))
        decayed = w - w * decay * rate

    def step(count: int) -> Bounded:
        alpha = rate * (1 - beta_2.power(count)).sqrt() / (1 - beta_1.power(count))
        found: Bounded = m * alpha / (v.sqrt() + epsilon)
        return found

    yield (
        Mistake("bias_correction_missing", "the bias correction is missing"),
        lambda: decayed - m * rate / (v.sqrt() + epsilon),
    )
    for off in (-1, 1):
        if t + off > 0:
            yield (
                Mistake("bias_correction_step", f"the bias correction is off by {off} step"),
                lambda off=off: decayed - step(t + off),  # type: ignore[misc]
            )
    alpha = rate * (1 - beta_2.power(t)).sqrt() / (1 - beta_1.power(t))
    yield (
        Mistake("epsilon_inside_root", "epsilon is inside the root, in Keras outside"),
        lambda: decayed - m * alpha / (v + epsilon).sqrt(),
    )
    corrected = m / (1 - beta_1.power(t))
    yield (
        Mistake("epsilon_form", "epsilon is added to the corrected root, as torch does"),
        lambda: decayed - rate * corrected / ((v / (1 - beta_2.power(t))).sqrt() + epsilon),
    )
    yield (
        Mistake("root_missing", "the root is missing"),
        lambda: decayed - m * alpha / (v + epsilon),
    )
    yield Mistake("epsilon_missing", "epsilon is missing"), lambda: decayed - m * alpha / v.sqrt()
    for other in _EPSILONS:
        yield (
            Mistake("epsilon_value", f"epsilon is {other}, in Keras {rule.epsilon}"),
            lambda other=other: decayed - m * alpha / (v.sqrt() + number(other)),  # type: ignore[misc]
        )
    yield (
        Mistake("first_moment_only", "the gradient takes the place of its mean"),
        lambda: decayed - g * alpha / (v.sqrt() + epsilon),
    )
    yield (
        Mistake("momentum_correction_missing", "only the second moment is corrected"),
        lambda: decayed - rate * (1 - beta_2.power(t)).sqrt() * m / (v.sqrt() + epsilon),
    )
    yield (
        Mistake("velocity_correction_missing", "only the first moment is corrected"),
        lambda: decayed - rate * corrected / (v.sqrt() + epsilon),
    )
    if isinstance(rule, AdamW):
        yield Mistake("decay_missing", "the weight decay is missing"), lambda: w - step(t)
        yield (
            Mistake("decay_without_rate", "the decay is not multiplied by the learning rate"),
            (lambda: w - w * decay - step(t)),
        )
        yield (
            Mistake("decay_sign", "the decay's sign is wrong"),
            lambda: w + w * decay * rate - step(t),
        )


def _slot(scene: Scene) -> Iterator[Variant]:
    _, g, slots, _ = _update_inputs(scene)
    rule, number = scene.optimizer, scene.precision.rounded
    old = slots[scene.tensor]
    value = g * g if scene.tensor == "velocity" else g
    yield Mistake("not_updated", "it is not updated"), lambda: old
    if isinstance(rule, SGD):
        mu, rate = number(float(np.float32(rule.momentum))), number(rule.learning_rate)
        yield (
            Mistake("rate_outside", "the learning rate is not inside the velocity"),
            lambda: old * mu + g,
        )
        yield (
            Mistake("rate_outside", "the learning rate is not inside the velocity"),
            (lambda: old * mu - g),
        )
        yield (
            Mistake("dampened", "the gradient is dampened by 1 - momentum"),
            lambda: old * mu - g * rate * number(1 - rule.momentum),
        )
        yield (
            Mistake("momentum_missing", "the old velocity is kept undamped"),
            (lambda: old - g * rate),
        )
        yield Mistake("sign", "the sign of the gradient is wrong"), lambda: old * mu + g * rate
        yield Mistake("old_lost", "the old velocity is lost"), lambda: -(g * rate)
        return
    if isinstance(rule, RMSprop):
        beta = rule.rho
    elif isinstance(rule, Adam):
        beta = rule.beta_2 if scene.tensor == "velocity" else rule.beta_1
        other = rule.beta_1 if scene.tensor == "velocity" else rule.beta_2
        yield (
            Mistake("betas_swapped", "beta_1 and beta_2 are mistaken for each other"),
            lambda: old + (value - old) * number(1 - other),
        )
    else:
        return
    yield (
        Mistake("beta_inverted", "beta and 1 - beta are mistaken for each other"),
        lambda: old * number(1 - beta) + value * number(beta),
    )
    yield Mistake("share_missing", "1 - beta is missing"), lambda: old * number(beta) + value
    yield (
        Mistake("accumulated", "it accumulates without forgetting"),
        lambda: old + value * number(1 - beta),
    )
    yield Mistake("accumulated", "it accumulates without forgetting"), lambda: old + value
    yield (
        Mistake("square_missing", "the gradient is not squared"),
        lambda: old + (g - old) * number(1 - beta),
    )
    yield (
        Mistake("absolute", "it is the mean of |g|, not of g^2"),
        lambda: old + (g.abs() - old) * number(1 - beta),
    )
    yield (
        Mistake("squared", "the gradient is squared"),
        lambda: old + (g * g - old) * number(1 - beta),
    )
    yield Mistake("old_lost", "the old mean is lost"), lambda: value * number(1 - beta)

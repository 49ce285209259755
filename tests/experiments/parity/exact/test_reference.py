"""Every operation of the catalogue: bounds hold on both sides, and exact values are exact."""

from dataclasses import dataclass

import keras
import mpmath
import numpy as np
import pytest
import tensorflow as tf

from experiments.parity.exact.formulas import BACKWARD, FORWARD, LOSS, TENSORFLOW
from experiments.parity.exact.formulas.optimizers import update
from experiments.parity.exact.reference import reference_step
from experiments.parity.exact.rounding import Precision
from experiments.parity.trace import Snapshot
from keras_baseline.optimizers import build_optimizer
from scratchnet import SGD, Adam, AdamW, Architecture, Dense, OptimizerState, RMSprop
from scratchnet.activations import ACTIVATIONS
from scratchnet.losses import LOSSES
from scratchnet.parameters import Parameters

DTYPES = ["float32", "float64"]


@pytest.fixture(autouse=True)
def _digits():
    with mpmath.workdps(120), np.errstate(all="ignore"):
        yield


def draw(kind, shape, dtype, random):
    """Random numbers of a kind, in a dtype."""
    info = np.finfo(dtype)
    signs = random.choice([-1.0, 1.0], shape)
    values = {
        "ordinary": lambda: random.randn(*shape),
        "huge": lambda: signs * float(info.max) ** random.uniform(0.2, 0.45, shape),
        "tiny": lambda: signs * float(info.tiny) ** random.uniform(0.2, 0.5, shape),
        "saturated": lambda: signs * random.uniform(5, 120, shape),
        "at the kink": lambda: random.choice(
            [0.0, -0.0, float(info.eps), -float(info.eps), 1e-20, -1e-20], shape
        ),
        "subnormal": lambda: signs * (float(info.tiny) * random.uniform(0.1, 3, shape)),
        "cancelling": lambda: 1.0 + 4 * float(info.eps) * random.randint(-9, 9, shape),
    }[kind]()
    return np.asarray(values).astype(dtype)


KINDS = ["ordinary", "huge", "tiny", "saturated", "at the kink", "subnormal", "cancelling"]


@dataclass
class Shares:
    """How much of its bound each error used, over many results."""

    found: list

    def add(self, bounded, computed):
        share = np.abs(computed - bounded.value).astype(float) / bounded.error
        self.found.append(np.ravel(share)[np.ravel(np.isfinite(share) & (share > 0))])

    def rms(self):
        shares = np.concatenate(self.found)
        return float(np.sqrt(np.mean(shares**2)))


def assert_within(bounded, computed, name=""):
    computed = np.asarray(computed)
    assert computed.shape == bounded.shape
    overflowed = bounded.size + bounded.branch >= bounded.precision.largest
    same = (computed == bounded.value) | (np.isnan(computed) & np.isnan(bounded.value))
    distance = np.abs(computed - bounded.value).astype(float)
    # NaN is never within.
    outside = ~(distance <= bounded.branch) & ~overflowed & ~same
    if np.any(outside):
        i = tuple(np.argwhere(outside)[0])
        raise AssertionError(
            f"{name}{list(i)}: {computed[i]!r}, exactly {bounded.value[i]!r}, "
            f"off by {distance[i]:.3g}, bound {bounded.branch[i]:.3g}"
        )


def mp(array):
    """Numbers as mpmath has them, as nested lists' flat array of objects."""
    array = np.asarray(array)
    flat = [mpmath.mpf(float(v)) + mpmath.mpf(float(v - np.float64(v))) for v in array.ravel()]
    return np.array(flat, dtype=object).reshape(array.shape)


def assert_exact(bounded, exact):
    """The reference's own value is far nearer to the exact one than any bound."""
    for value, right, error in zip(
        mp(bounded.value).ravel(), np.ravel(exact), bounded.error.ravel(), strict=True
    ):
        if abs(right) > bounded.precision.largest or not np.isfinite(error):
            continue
        assert abs(value - right) <= error / 100 + abs(right) * 2.0**-58 + 1e-300


exp = np.vectorize(mpmath.exp, otypes=[object])
log = np.vectorize(mpmath.log, otypes=[object])
tanh = np.vectorize(mpmath.tanh, otypes=[object])
root = np.vectorize(mpmath.sqrt, otypes=[object])


def mp_softmax(z):
    e = exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


MP_FORWARD = {
    "linear": lambda z: z,
    "relu": lambda z: np.where(z > 0, z, mpmath.mpf(0)),
    "sigmoid": lambda z: 1 / (1 + exp(-z)),
    "tanh": tanh,
    "softmax": mp_softmax,
}
MP_BACKWARD = {
    "linear": lambda _z, _a, da: da,
    "relu": lambda z, _a, da: np.where(z > 0, da, mpmath.mpf(0)),
    "sigmoid": lambda _z, a, da: da * a * (1 - a),
    "tanh": lambda _z, a, da: da * (1 - a**2),
    "softmax": lambda _z, a, da: a * (da - (da * a).sum(axis=1, keepdims=True)),
}


def scratchnet_pass(name, z, a=None, da=None):
    """Forward of z, or backward of (z, a, da), by scratchnet's own ops, samples last in memory."""
    z, a, da = (None if array is None else np.asfortranarray(array) for array in (z, a, da))
    activation = ACTIVATIONS[name]
    return activation.of(z) if da is None else activation.gradient(z, a, da)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MP_FORWARD)  # all others in formulas/test_activations.py
def test_activation_stays_within_its_bound(name, dtype):
    random, precision = np.random.RandomState(1), Precision.of(dtype)
    forward, backward = Shares([]), Shares([])
    for shift in (0, 1, 3):
        for kind, upstream in zip(KINDS, [*KINDS[shift:], *KINDS[:shift]], strict=True):
            z, da = (draw(k, (6, 4), dtype, random) for k in (kind, upstream))
            exact_z = precision.exact(z)
            with tf.GradientTape() as tape:
                inputs = tf.constant(z)
                tape.watch(inputs)
                twin = keras.activations.get(name)(inputs)
            twin_dz = tape.gradient(twin, inputs, output_gradients=tf.constant(da)).numpy()
            twin = twin.numpy()
            reference = FORWARD[name](exact_z)
            for side in (twin, scratchnet_pass(name, z)):
                assert_within(reference, side, f"{name} of {kind}")
                forward.add(reference, side)
            back = BACKWARD[name](exact_z, precision.exact(twin), precision.exact(da))
            for side in (twin_dz, scratchnet_pass(name, z, twin, da)):
                assert_within(back, side, f"{name} backward of {kind}, {upstream}")
                if kind == upstream == "ordinary":
                    backward.add(back, side)
            if shift == 0:
                assert_exact(reference, MP_FORWARD[name](mp(z)))
                assert_exact(back, MP_BACKWARD[name](mp(z), mp(twin), mp(da)))
    if name not in ("linear", "relu"):
        assert forward.rms() > 1 / 100
        assert backward.rms() > 1 / 100


def mp_loss(name, fused, output, y, dtype):
    """Loss and gradient of a batch from their definitions."""
    count = mpmath.mpf(len(output) if "categorical" in name else output.size)
    low, high = mp(np.asarray([1e-7, 1 - 1e-7], dtype))
    inside = np.vectorize(lambda p: mpmath.mpf(low <= p <= high), otypes=[object])
    clip = np.vectorize(lambda p: min(max(p, low), high), otypes=[object])
    if name == "mean_squared_error":
        return ((output - y) ** 2).sum() / count, 2 * (output - y) / count
    if name == "binary_crossentropy" and fused:
        p = 1 / (1 + exp(-output))
        loss = -(y * log(p) + (1 - y) * log(1 / (1 + exp(output))))
        return loss.sum() / count, (p - y) / count
    if name == "binary_crossentropy":
        c = clip(output)
        loss = -(y * log(c) + (1 - y) * log(1 - c))
        return loss.sum() / count, ((1 - y) / (1 - c) - y / c) * inside(output) / count
    if fused:
        p = mp_softmax(output)
        return -(y * log(p)).sum() / count, (p - y) / count
    if name.startswith("sparse"):
        c = clip(output)
        share = c / c.sum(axis=1, keepdims=True)
        gradient = (share - y) / c * inside(output)
        return -(y * log(share)).sum() / count, gradient / count
    total = output.sum(axis=1, keepdims=True)
    q = output / total
    c = clip(q)
    g = -y / c * inside(q)
    return -(y * log(c)).sum() / count, (g - (g * q).sum(axis=1, keepdims=True)) / total / count


def losses_of(name, fused, output, targets):
    """Loss and gradient on both sides."""
    y = targets if LOSSES[name].sparse else targets.astype(output.dtype)
    gradient = np.full_like(output, np.nan)
    ours = LOSSES[name]().bind(output, y, gradient, fused=fused)
    loss = ours.run_forward()
    ours.backward.run()
    twin = {
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "mean_squared_error": keras.losses.MeanSquaredError,
    }[name](dtype=str(output.dtype))
    activation = "sigmoid" if name == "binary_crossentropy" else "softmax"
    with tf.GradientTape() as tape:
        inputs = tf.constant(output)
        tape.watch(inputs)
        prediction = keras.activations.get(activation)(inputs) if fused else inputs
        value = twin(y, prediction)
    return (loss, gradient), (value.numpy(), tape.gradient(value, inputs).numpy())


def draw_output(kind, fused, name, shape, dtype, random):
    if fused or name == "mean_squared_error":
        return draw(kind, shape, dtype, random)
    p = random.dirichlet(np.ones(max(shape[1], 2)), shape[0])[:, : shape[1]]
    eps = float(np.finfo(dtype).eps)
    if kind == "saturated":
        p = np.where(p > 0.5, 1 - 1e-7 * random.uniform(0, 3, shape), 1e-7 * random.uniform(0, 3))
    elif kind == "at the kink":
        edges = [0.0, 1.0, 1e-7, 1 - 1e-7, 1e-7 * (1 + eps), (1 - 1e-7) * (1 - eps), 0.5]
        p = random.choice(edges, shape)
        p[:, 0] += p.sum(axis=1) == 0
    elif kind == "tiny":
        p = p * 1e-12
    elif kind == "huge":
        p = p * 1e12
    elif kind == "cancelling":
        p = p * random.choice([-1.0, 1.0], shape)
        p[:, 0] = 1 - p[:, 1:].sum(axis=1)
    return p.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "fused"), LOSS)
def test_loss_stays_within_its_bound(name, fused, dtype):
    random, precision = np.random.RandomState(2), Precision.of(dtype)
    loss_shares, gradient_shares = Shares([]), Shares([])
    fewest = 2 if "categorical" in name else 1
    for kind in KINDS:
        for soft, shape in enumerate([(1, fewest), (5, fewest), (9, 3), (1, 4), (4, 4)]):
            output = draw_output(kind, fused, name, shape, dtype, random)
            if "categorical" in name:
                targets = np.eye(shape[1])[random.randint(0, shape[1], shape[0])]
                if soft > 2 and not LOSSES[name].sparse:
                    targets = random.dirichlet(np.ones(shape[1]), shape[0])
            elif name == "binary_crossentropy":
                targets = random.randint(0, 2, shape).astype(float)
                if soft > 2:
                    targets = random.uniform(0, 1, shape)
            else:
                targets = draw(kind, shape, dtype, random)
            given = targets.argmax(axis=1)[:, None] if LOSSES[name].sparse else targets
            y = targets.astype(dtype)
            loss, gradient = LOSS[name, fused](
                precision.exact(output), precision.exact(y), TENSORFLOW
            )
            for side_loss, side_gradient in losses_of(name, fused, output, given):
                assert_within(loss, side_loss, f"{name} of {kind} {shape}")
                assert_within(gradient, side_gradient, f"{name} gradient of {kind} {shape}")
                if kind == "ordinary":
                    loss_shares.add(loss, side_loss)
                    gradient_shares.add(gradient, side_gradient)
            exact_loss, exact_gradient = mp_loss(name, fused, mp(output), mp(y), dtype)
            assert_exact(loss, [exact_loss])
            if not np.any(gradient.branch > gradient.error):
                assert_exact(gradient, exact_gradient)
    assert loss_shares.rms() > 1 / 100
    assert gradient_shares.rms() > 1 / 100


RULES = {
    "sgd": SGD(0.1),
    "momentum": SGD(0.01, momentum=0.9),
    "nesterov": SGD(0.3, momentum=0.99, nesterov=True),
    "rmsprop": RMSprop(0.001),
    "adam": Adam(0.001),
    "adam with other settings": Adam(0.3, beta_1=0.0, beta_2=0.9, epsilon=1e-3),
    "adamw": AdamW(0.002, weight_decay=0.05),
}


def mp_update(rule, w, g, slots, t, dtype):
    """Weights and slots after an update, from the documented formulas."""

    def number(value):
        return mp(np.asarray(value, dtype)).item()

    def twice(value):
        return number(float(np.float32(value)))

    rate = number(rule.learning_rate)
    if isinstance(rule, SGD):
        if not rule.momentum:
            return {"weight": w - rate * g}
        m = twice(rule.momentum) * slots["momentum"] - rate * g
        ahead = twice(rule.momentum) * m - rate * g
        return {"weight": w + (ahead if rule.nesterov else m), "momentum": m}
    if isinstance(rule, RMSprop):
        v = number(rule.rho) * slots["velocity"] + number(1 - rule.rho) * g * g
        return {"weight": w - rate * g / root(v + number(rule.epsilon)), "velocity": v}
    if isinstance(rule, AdamW):
        w = w - w * twice(rule.weight_decay) * rate
    m = slots["momentum"] + (g - slots["momentum"]) * number(1 - rule.beta_1)
    v = slots["velocity"] + (g * g - slots["velocity"]) * number(1 - rule.beta_2)
    alpha = rate * mpmath.sqrt(1 - twice(rule.beta_2) ** t) / (1 - twice(rule.beta_1) ** t)
    return {
        "weight": w - alpha * m / (root(v) + number(rule.epsilon)),
        "momentum": m,
        "velocity": v,
    }


class TwinUpdate:
    """A Keras optimizer on one variable."""

    def __init__(self, rule, size, dtype):
        self.rule = rule
        self.variable = keras.Variable(np.zeros(size), dtype=dtype, name="kernel")
        self.optimizer = build_optimizer(rule, dtype)
        self.optimizer.build([self.variable])

    def __call__(self, w, g, slots, t):
        self.variable.assign(w)
        self.optimizer.iterations.assign(t - 1)
        by_slot = {v.path.rpartition("_")[2]: v for v in self.optimizer.variables}
        for slot, value in slots.items():
            by_slot[slot].assign(value)
        self.optimizer.apply([tf.constant(g)], [self.variable])
        return {"weight": self.variable.numpy()} | {s: by_slot[s].numpy() for s in slots}


def scratchnet_update(rule, w, g, slots, t):
    parameters = Parameters({"kernel": w.shape}, w.dtype)
    parameters.values[:], parameters.gradients[:] = w, g
    state = OptimizerState(rule, parameters)
    state.iterations = t - 1
    for slot, value in slots.items():
        state.slots[slot][:] = value
    state.step()
    return {"weight": parameters.values} | state.slots


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_update_stays_within_its_bound(name, dtype):
    random, precision, rule = np.random.RandomState(3), Precision.of(dtype), RULES[name]
    twin = TwinUpdate(rule, 8, dtype)
    shares = {}
    for weight_kind in ("ordinary", "tiny"):
        for kind in KINDS:
            for t in (1, 2, 100_000):
                w, g = (draw(k, (8,), dtype, random) for k in (weight_kind, kind))
                slots = {
                    slot: 0 * w if t == 1 else draw(kind, (8,), dtype, random)
                    for slot in rule.slots
                }
                if "velocity" in slots:
                    slots["velocity"] = slots["velocity"] ** 2
                if kind == "cancelling" and "momentum" in slots and isinstance(rule, SGD):
                    slots["momentum"] = (g * rule.learning_rate / rule.momentum).astype(dtype)
                exact = {slot: precision.exact(value) for slot, value in slots.items()}
                updated, new_slots = update(
                    rule, precision.exact(w), precision.exact(g), exact, t, TENSORFLOW
                )
                reference = {"weight": updated} | new_slots
                if t < 1000:
                    mp_slots = {slot: mp(value) for slot, value in slots.items()}
                    right = mp_update(rule, mp(w), mp(g), mp_slots, t, dtype)
                    for tensor, bounded in reference.items():
                        assert_exact(bounded, right[tensor])
                sides = scratchnet_update(rule, w, g, slots, t), twin(w, g, slots, t)
                for tensor, bounded in reference.items():
                    for side in sides:
                        where = f"{tensor} at {t}, weights {weight_kind}, gradients {kind}"
                        assert_within(bounded, side[tensor], where)
                        if weight_kind == kind == "ordinary":
                            shares.setdefault(tensor, Shares([])).add(bounded, side[tensor])
    for tensor, found in shares.items():
        assert found.rms() > 1 / 100, tensor


def mp_network(architecture, weights, x, y):
    """Mean loss of a network, from the definitions."""
    a = x
    for layer in architecture.layers:
        z = a.dot(weights[f"{layer.name}/kernel"])
        if layer.use_bias:
            z = z + weights[f"{layer.name}/bias"]
        a = MP_FORWARD[layer.activation](z)
    fused = architecture.fused
    return mp_loss(architecture.loss.name, fused, z if fused else a, y, "float64")[0]


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ((Dense(3, "tanh"), Dense(2, "sigmoid")), "binary_crossentropy"),
        ((Dense(3, "relu"), Dense(1, "sigmoid")), "mean_squared_error"),
        ((Dense(2, "sigmoid", use_bias=False), Dense(3, "softmax")), "categorical_crossentropy"),
        ((Dense(3, "softmax"), Dense(2, "linear")), "sparse_categorical_crossentropy"),
    ],
)
def test_gradient_of_the_whole_step_is_the_derivative_of_the_loss(layers, loss):
    architecture = Architecture((2,), layers, loss)
    random = np.random.RandomState(5)
    weights = {n: random.uniform(0.1, 0.9, s) for n, s in architecture.weight_shapes().items()}
    x, units = random.uniform(0.1, 1, (3, 2)), architecture.units
    y = np.eye(units)[[0, units - 1, 0]]
    given = y.argmax(axis=1)[:, None] if loss.startswith("sparse") else y
    reference = reference_step(architecture, "float64", Snapshot(0, weights, {}, x, given))
    exact = {name: mp(value) for name, value in weights.items()}

    def loss_at(name, index, shift):
        moved = exact[name].copy()
        moved[index] += shift
        return mp_network(architecture, exact | {name: moved}, mp(x), mp(y))

    assert_exact(reference["loss"], [mp_network(architecture, exact, mp(x), mp(y))])
    step = mpmath.mpf(10) ** -40
    for name, value in weights.items():
        for index in np.ndindex(value.shape):
            slope = (loss_at(name, index, step) - loss_at(name, index, -step)) / (2 * step)
            gradient = reference[f"{name}_gradient"]
            # Two roundings of longdouble, at most, for each of float64 that the bound allows.
            assert abs(mp(gradient.value)[index] - slope) <= gradient.error[index] / 1000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_keras_stays_within_its_bound_where_it_underflows(dtype):
    precision = Precision.of(dtype)
    smallest = np.log(precision.smallest)
    z = np.zeros((4001, 2), dtype)
    z[:, 1] = np.linspace(smallest - 3, smallest + 2, len(z))
    computed = keras.ops.convert_to_numpy(keras.ops.softmax(keras.ops.convert_to_tensor(z)))
    bounded = FORWARD["softmax"](precision.exact(z))
    assert_within(bounded, computed, "softmax")
    # Just above it is a rounding of z's, which the exponential makes |z| times larger.
    relative = bounded.error[-1, 1] / bounded.size[-1, 1]
    assert relative < 2 * abs(smallest) * precision.roundoff


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_backward_allows_for_two_products_that_cancel(dtype):
    """As JAX computes it: the transpose of ``a (dz - sum(a dz))``."""
    random = np.random.RandomState(0)
    z = 2 * random.randn(4000, 2)
    a = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).astype(dtype)
    # Gradients that are nearly alike: what is left of them is rounding, mostly.
    da = (1 + 1e-4 * random.randn(4000, 2)).astype(dtype)
    precision = Precision.of(dtype)
    bounded = BACKWARD["softmax"](*(precision.exact(v) for v in (z.astype(dtype), a, da)))
    product = a * da
    assert_within(bounded, product - a * product.sum(axis=1, keepdims=True), "softmax backward")

import keras
import mpmath
import numpy as np
import pytest
import tensorflow as tf

from scratchnet.activations import ACTIVATIONS, Scratch, activation_of
from scratchnet.errors import ArchitectureError
from scratchnet.layers import Activation, Dense
from scratchnet.tape import Tape

# Ordinary values, the kink, both zeros, saturation, and what overflows exp in either precision.
POINTS = [0.0, -0.0, 1e-30, -1e-30, 1e-3, -0.5, 0.7, 1.0, -3.0, 5.0, 17.0, -20.0, 40.0, -80.0]
EXTREMES = [89.0, -89.0, 710.0, -710.0, 1e4, -1e4]

NAMES = [name for name, entry in ACTIVATIONS.items() if not entry.needs_arguments]

EXACT = {
    "linear": (lambda z: z, lambda z: z**0),
    "relu": (lambda z: max(z, mpmath.mpf(0)), lambda z: mpmath.mpf(1 if z > 0 else 0)),
    "sigmoid": (
        lambda z: 1 / (1 + mpmath.exp(-z)),
        lambda z: mpmath.exp(-z) / (1 + mpmath.exp(-z)) ** 2,
    ),
    "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
}


def run(name, z, da):
    """Forward and backward of an activation."""
    z, da = np.asarray(z), np.asarray(da)
    with np.errstate(over="ignore"):
        a = ACTIVATIONS[name].of(z)
        return a, ACTIVATIONS[name].gradient(z, a, da)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_value_and_derivative_are_those_of_high_precision(name, dtype):
    z = np.array([POINTS + EXTREMES], dtype)
    a, dz = run(name, z, np.ones_like(z))
    function, derivative = EXACT[name]
    unit, tiny = np.finfo(dtype).eps / 2, np.finfo(dtype).tiny
    with mpmath.workdps(50):
        for i, value in enumerate(z[0]):
            exact = function(mpmath.mpf(float(value)))
            # NumPy's exp and tanh are good to a few ulp; what is subnormal may go to 0.
            assert abs(mpmath.mpf(float(a[0, i])) - exact) <= 8 * unit * abs(exact) + tiny
            slope = derivative(mpmath.mpf(float(value)))
            # 1 - a and 1 - a^2 cancel where the activation saturates: an error of a few u there.
            assert abs(mpmath.mpf(float(dz[0, i])) - slope) <= 8 * unit


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_is_that_of_high_precision(dtype):
    random = np.random.RandomState(0)
    z = np.concatenate([random.randn(6, 4), 1e3 * random.randn(6, 4)]).astype(dtype)
    da = random.randn(12, 4).astype(dtype)
    a, dz = run("softmax", z, da)
    unit = np.finfo(dtype).eps / 2
    with mpmath.workdps(50):
        for row in range(12):
            exps = [mpmath.exp(mpmath.mpf(float(v))) for v in z[row]]
            exact = [e / sum(exps) for e in exps]
            upstream = [mpmath.mpf(float(v)) for v in da[row]]
            inner = sum(p * g for p, g in zip(exact, upstream, strict=True))
            for k in range(4):
                # An error of u in z - max z is one of |z| u in the exponent.
                allowed = 8 * unit * (1 + abs(z[row]).max())
                assert abs(float(a[row, k]) - exact[k]) <= allowed * exact[k] + 1e-37
                slope = exact[k] * (upstream[k] - inner)
                assert abs(float(dz[row, k]) - slope) <= 2 * allowed * abs(da[row]).max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_those_of_keras(name, dtype):
    random = np.random.RandomState(1)
    points = np.array(POINTS[:4])
    if name == "selu":  # Keras decides by the output, which it rounds to 0 beside 0
        points[np.abs(points) < 1e-3] = 0
    z = np.concatenate([[points], 3 * random.randn(8, 4), [[90.0, -90.0, 800.0, -800.0]]])
    z, da = z.astype(dtype), random.randn(10, 4).astype(dtype)
    a, dz = run(name, z, da)
    with tf.GradientTape() as tape:
        inputs = tf.constant(z)
        tape.watch(inputs)
        outputs = keras.activations.get(name)(inputs)
    gradient = tape.gradient(outputs, inputs, output_gradients=tf.constant(da))
    # Largest value 800 for relu and linear, which are exact; else at most 1.
    bound = 10 * np.finfo(dtype).eps
    np.testing.assert_allclose(a, outputs.numpy(), rtol=bound, atol=bound)
    np.testing.assert_allclose(dz, gradient.numpy(), rtol=bound, atol=bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_derivative_is_0_at_0_and_1_just_above(dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    z = np.array([[0.0, -0.0, smallest, -smallest, np.finfo(dtype).max]], dtype)
    _, dz = run("relu", z, np.full_like(z, 3.0))
    np.testing.assert_array_equal(dz, [[0, 0, 3, 0, 3]])


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_largest_numbers_give_finite_values_and_gradients(name, dtype):
    most = np.finfo(dtype).max
    for z in ([[most, -most]], [[-most / 2, -most / 2]], [[most, most]]):
        a, dz = run(name, np.array(z, dtype), np.ones((1, 2), dtype))
        assert np.isfinite(a).all()
        assert np.isfinite(dz).all()


def test_softmax_rows_sum_to_1_and_ignore_a_common_shift():
    z = np.random.RandomState(0).randn(5, 3)
    a, dz = run("softmax", z, np.random.RandomState(1).randn(5, 3))
    np.testing.assert_allclose(a.sum(axis=1), 1.0, rtol=1e-15)
    # A shift of every logit changes nothing, so the gradient along it is 0.
    np.testing.assert_allclose(dz.sum(axis=1), 0.0, atol=1e-15)
    shifted, _ = run("softmax", z + 64.0, np.zeros((5, 3)))
    np.testing.assert_allclose(shifted, a, rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_backward_leaves_its_inputs_as_they_are(name):
    z, da = np.random.RandomState(0).randn(2, 4, 3)
    kept = z.copy(), da.copy()
    run(name, z, da)
    np.testing.assert_array_equal((z, da), kept)


# Keras's own unit tests of its activations, and the tables in their docstrings.
FACTS = [
    ("relu", {}, [-10, -5, 0.0, 5, 10], [0, 0, 0, 5, 10]),
    ("relu", {"negative_slope": 0.5}, [-10, -5, 0.0, 5, 10], [-5, -2.5, 0, 5, 10]),
    ("relu", {"max_value": 5.0}, [-10, -5, 0.0, 5, 10], [0, 0, 0, 5, 5]),
    ("relu", {"threshold": 5.0}, [-10, -5, 0.0, 5, 10], [0, 0, 0, 0, 10]),
    ("hard_sigmoid", {}, [-4, -3, 0, 1.5, 3, 4], [0, 0, 0.5, 0.75, 1, 1]),
    ("hard_silu", {}, [-4, -3, -1, 0, 1, 4], [0, 0, -1 / 3, 0, 2 / 3, 4]),
    ("hard_tanh", {}, [-2, -1, 0.5, 2], [-1, -1, 0.5, 1]),
    ("hard_shrink", {}, [-1, -0.5, 0.25, 0.5, 1], [-1, 0, 0, 0, 1]),
    ("soft_shrink", {}, [-1, -0.5, 0.25, 0.5, 1], [-0.5, 0, 0, 0, 0.5]),
    ("relu6", {}, [-1, 3, 6, 8], [0, 3, 6, 6]),
    ("sparse_plus", {}, [-2, -1, 0, 1, 2], [0, 0, 0.25, 1, 2]),
    ("sparse_sigmoid", {}, [-2, -1, 0, 1, 2], [0, 0, 0.5, 1, 1]),
    ("softsign", {}, [-3, 0, 1], [-0.75, 0, 0.5]),
    ("squareplus", {}, [-1.5, 0, 1.5], [0.5, 1, 2]),
    ("threshold", {"threshold": 0, "default_value": -1}, [-2, 0, 2], [-1, -1, 2]),
    ("leaky_relu", {}, [-1, 0, 2], [-np.float32(0.2), 0, 2]),
    ("elu", {"alpha": 2}, [0, 1], [0, 1]),
]


@pytest.mark.parametrize(("name", "arguments", "z", "expected"), FACTS)
def test_values_are_those_of_the_documentation(name, arguments, z, expected):
    a = activation_of(name, arguments).of(np.array([z], np.float64))
    np.testing.assert_allclose(a[0], expected, rtol=1e-15)


def test_selu_keeps_mean_and_variance():
    z = np.random.RandomState(0).standard_normal((100_000, 1))
    a = ACTIVATIONS["selu"].of(z)
    assert abs(a.mean()) < 0.01
    assert abs(a.var() - 1) < 0.01


def test_gelu_is_the_share_of_a_normal_distribution_below():
    z = np.array([[-3.0, -1.0, 0.5, 2.0]])
    expected = [v * float(mpmath.ncdf(v)) for v in z[0]]
    np.testing.assert_allclose(ACTIVATIONS["gelu"].of(z)[0], expected, rtol=2e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(2, "threshold"), "threshold is missing; threshold needs arguments"),
        (
            lambda: Activation("gelu", arguments={"approx": True}),
            "arguments: unknown key 'approx'; expected one of approximate",
        ),
        (
            lambda: Activation("gelu", arguments={"approximate": 1}),
            "arguments: approximate = 1; expected true or false",
        ),
        (
            lambda: Activation("elu", arguments={"alpha": 0}),
            "arguments: alpha = 0; expected a number above 0",
        ),
        (
            lambda: Activation("tanh", arguments={"alpha": 1}),
            "expected none, tanh has no arguments",
        ),
        (
            lambda: Activation("softmax", arguments={"axis": 0}),
            "arguments: axis = 0; expected a whole number other than 0",
        ),
    ],
)
def test_a_wrong_argument_is_named(make, message):
    with pytest.raises(ArchitectureError, match=message):
        make()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sigmoid", "silu", "softplus", "log_sigmoid"])
def test_values_may_lie_apart_in_memory(name, dtype):
    """np.negative of NumPy 2.4 is wrong for some distances between neighbours."""
    for apart in range(1, 10):
        wide = np.linspace(-3, 3, 5 * apart).astype(dtype).reshape(5, apart)
        z = wide[:, :1]
        a, tape = np.zeros_like(wide)[:, :1], Tape()
        ACTIVATIONS[name].forward(tape, z, a, Scratch(z))
        tape.run()
        np.testing.assert_allclose(a, ACTIVATIONS[name].of(z.copy()), rtol=1e-6)

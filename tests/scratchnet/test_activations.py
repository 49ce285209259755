import keras
import mpmath
import numpy as np
import pytest
import tensorflow as tf

from scratchnet.activations import ACTIVATIONS

# Ordinary values, the kink, both zeros, saturation, and what overflows exp in either precision.
POINTS = [0.0, -0.0, 1e-30, -1e-30, 1e-3, -0.5, 0.7, 1.0, -3.0, 5.0, 17.0, -20.0, 40.0, -80.0]
EXTREMES = [89.0, -89.0, 710.0, -710.0, 1e4, -1e4]

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
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_gradient_are_those_of_keras(name, dtype):
    random = np.random.RandomState(1)
    z = np.concatenate([[POINTS[:4]], 3 * random.randn(8, 4), [[90.0, -90.0, 800.0, -800.0]]])
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


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_leaves_its_inputs_as_they_are(name):
    z, da = np.random.RandomState(0).randn(2, 4, 3)
    kept = z.copy(), da.copy()
    run(name, z, da)
    np.testing.assert_array_equal((z, da), kept)

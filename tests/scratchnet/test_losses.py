import keras
import mpmath
import numpy as np
import pytest
import tensorflow as tf

from scratchnet.losses import (
    LOSSES,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

DTYPES = ["float32", "float64"]


def run(kind, output, targets, *, fused):
    """Loss and gradient of one batch."""
    output = np.asarray(output)
    targets = np.asarray(targets) if kind.sparse else np.asarray(targets, output.dtype)
    gradient = np.full_like(output, np.nan)
    loss = kind().bind(output, targets, gradient, fused=fused)
    value = loss.run_forward()
    loss.backward.run()
    return value, gradient


def run_keras(kind, output, targets, activation=None):
    """Loss and gradient with respect to `output`, which goes through an activation if given."""
    dtype = str(output.dtype)
    loss = {
        BinaryCrossentropy: keras.losses.BinaryCrossentropy,
        CategoricalCrossentropy: keras.losses.CategoricalCrossentropy,
        SparseCategoricalCrossentropy: keras.losses.SparseCategoricalCrossentropy,
        MeanSquaredError: keras.losses.MeanSquaredError,
    }[kind](dtype=dtype)
    with tf.GradientTape() as tape:
        inputs = tf.constant(output)
        tape.watch(inputs)
        prediction = inputs if activation is None else keras.activations.get(activation)(inputs)
        value = loss(targets, prediction)
    return float(value), tape.gradient(value, inputs).numpy()


def assert_close(ours, theirs, dtype, ulps=20):
    """Equal to some ulp of the largest element."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    bound = ulps * np.finfo(dtype).eps / 2 * np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=float(bound))


# Saturated in either precision, from hardly to hopelessly.
LOGITS = [-800.0, -120.0, -40.0, -17.0, -1.5, -1e-8, 0.0, 0.3, 16.7, 37.0, 90.0, 750.0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0.0, 1.0, 0.3])
def test_saturated_sigmoid_gives_finite_loss_and_right_gradient(target, dtype):
    unit = np.finfo(dtype).eps / 2
    with mpmath.workdps(400):
        for logit in LOGITS:
            z, y = np.array([[logit]], dtype), np.array([[target]], dtype)
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                loss, gradient = run(BinaryCrossentropy, z, y, fused=True)
            exact_z, exact_y = mpmath.mpf(float(z[0, 0])), mpmath.mpf(float(y[0, 0]))
            exact = mpmath.log1p(mpmath.exp(-exact_z)) + exact_z * (1 - exact_y)
            slope = 1 / (1 + mpmath.exp(-exact_z)) - exact_y
            # Numbers of the logit's size are added up; what is below the smallest normal is 0.
            tiny = np.finfo(dtype).tiny
            assert abs(float(loss) - exact) <= 6 * unit * (1 + abs(exact_z)) + tiny
            # No such loss in the gradient: a saturated output keeps all its digits.
            kept = abs(slope) if target in (0.0, 1.0) else 1
            assert abs(float(gradient[0, 0]) - slope) <= 6 * unit * kept + tiny


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [CategoricalCrossentropy, SparseCategoricalCrossentropy])
def test_saturated_softmax_gives_finite_loss_and_right_gradient(kind, dtype):
    unit, tiny = np.finfo(dtype).eps / 2, np.finfo(dtype).tiny
    rows = [[0.0, 0.0, 0.0], [800.0, -800.0, 3.0], [1e4, 1e4, 0.0], [-50.0, 50.0, 49.0]]
    with mpmath.workdps(60):
        for row in rows:
            for target in range(3):
                z = np.array([row], dtype)
                y = np.array([[target]]) if kind.sparse else np.eye(3, dtype=dtype)[[target]]
                loss, gradient = run(kind, z, y, fused=True)
                exps = [mpmath.exp(mpmath.mpf(float(v)) - max(row)) for v in z[0]]
                exact = mpmath.log(sum(exps)) - (mpmath.mpf(float(z[0, target])) - max(row))
                assert abs(float(loss) - exact) <= 6 * unit * (1 + abs(exact)) + tiny
                for k in range(3):
                    slope = exps[k] / sum(exps) - (k == target)
                    assert abs(float(gradient[0, k]) - slope) <= 6 * unit


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("kind", "activation"),
    [(kind, activation) for kind in LOSSES.values() for activation in kind.fuses_with],
)
def test_fused_loss_and_gradient_are_those_of_keras_on_the_activation(kind, activation, dtype):
    random = np.random.RandomState(3)
    z = np.concatenate([3 * random.randn(7, 4), [[800.0, -800.0, 40.0, -40.0]]]).astype(dtype)
    if kind.sparse:
        y = random.randint(0, 4, (8, 1))
    elif kind is CategoricalCrossentropy:
        y = np.eye(4, dtype=dtype)[random.randint(0, 4, 8)]
    else:
        y = random.randint(0, 2, (8, 4)).astype(dtype)
    ours, theirs = run(kind, z, y, fused=True), run_keras(kind, z, y, activation)
    assert_close(ours[0], theirs[0], dtype)
    assert_close(ours[1], theirs[1], dtype)


# Below, at, above and far from both clipping bounds, in a sum that is not 1.
PROBABILITIES = [
    [0.2, 0.5, 0.3],
    [0.0, 1.0, 0.0],
    [1e-7, 1 - 1e-7, 0.5],
    [9e-8, 0.99999995, 1e-7],
    [1.1e-7, 0.9999998, 2.0],
    [-0.3, 1.7, 0.1],
    [3.0, 2.0, 4.0],
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", LOSSES.values())
def test_loss_and_gradient_from_probabilities_are_those_of_keras(kind, dtype):
    random = np.random.RandomState(4)
    p = np.array(PROBABILITIES, dtype)
    p = np.concatenate([p, random.uniform(0.01, 0.99, (6, 3)).astype(dtype)])
    for classes in random.randint(0, 3, (5, len(p))):
        if kind.sparse:
            y = classes.reshape(-1, 1)
        elif kind is MeanSquaredError:
            y = random.randn(*p.shape).astype(dtype)
        else:
            y = np.eye(3, dtype=dtype)[classes]
        ours, theirs = run(kind, p, y, fused=False), run_keras(kind, p, y)
        assert_close(ours[0], theirs[0], dtype)
        assert_close(ours[1], theirs[1], dtype)


@pytest.mark.parametrize("kind", [BinaryCrossentropy, CategoricalCrossentropy])
def test_soft_targets_are_those_of_keras(kind):
    random = np.random.RandomState(5)
    p, y = random.dirichlet(np.ones(3), 6), random.dirichlet(np.ones(3), 6)
    for ours, theirs in zip(run(kind, p, y, fused=False), run_keras(kind, p, y), strict=True):
        assert_close(ours, theirs, "float64")
    z = random.randn(6, 3)
    ours, theirs = run(kind, z, y, fused=True), run_keras(kind, z, y, kind.fuses_with[0])
    assert_close(ours[1], theirs[1], "float64")


@pytest.mark.parametrize(
    ("dtype", "wrong_0", "wrong_1"),
    [("float32", 15.942385, 16.118095), ("float64", 16.118095651, 16.118095651)],
)
def test_clipped_binary_crossentropy_is_at_most_the_log_of_the_bound(dtype, wrong_0, wrong_1):
    # In float32 the upper bound is 0.99999988, so the two largest losses differ.
    surely_1, surely_0 = np.array([[1.0]], dtype), np.array([[0.0]], dtype)
    assert run(BinaryCrossentropy, surely_1, [[0.0]], fused=False)[0] == pytest.approx(wrong_0)
    assert run(BinaryCrossentropy, surely_0, [[1.0]], fused=False)[0] == pytest.approx(wrong_1)


def test_gradient_is_0_where_a_probability_is_clipped_and_not_at_the_bound():
    low = float(np.float64(1e-7))
    p = np.array([[low / 2, low, 1 - low, 1 - low / 2]])
    _, gradient = run(BinaryCrossentropy, p, [[1.0, 1.0, 0.0, 0.0]], fused=False)
    np.testing.assert_allclose(gradient, [[0.0, -1e7 / 4, 1e7 / 4, 0.0]], rtol=1e-9)


def test_binary_crossentropy_averages_over_units_and_samples():
    p = np.full((5, 3), 0.25)
    loss, gradient = run(BinaryCrossentropy, p, np.ones((5, 3)), fused=False)
    assert loss == pytest.approx(np.log(4), rel=1e-15)
    np.testing.assert_allclose(gradient, -4 / 15, rtol=1e-15)


def test_categorical_crossentropy_divides_by_the_row_sum():
    loss, gradient = run(
        CategoricalCrossentropy, np.array([[2.0, 1.0, 5.0]]), [[0, 0, 1]], fused=False
    )
    assert loss == pytest.approx(np.log(8 / 5), rel=1e-15)
    np.testing.assert_allclose(gradient, [[1 / 8, 1 / 8, 1 / 8 - 1 / 5]], rtol=1e-14)


def test_sparse_and_dense_categorical_crossentropy_agree():
    random = np.random.RandomState(6)
    z, classes = random.randn(6, 4), random.randint(0, 4, (6, 1))
    sparse = run(SparseCategoricalCrossentropy, z, classes, fused=True)
    dense = run(CategoricalCrossentropy, z, np.eye(4)[classes[:, 0]], fused=True)
    assert sparse[0] == dense[0]
    np.testing.assert_array_equal(sparse[1], dense[1])


def test_mean_squared_error_has_no_half_in_it():
    loss, gradient = run(
        MeanSquaredError, np.array([[1.0, 2.0], [3.0, 4.0]]), [[0.0, 0.0], [0.0, 0.0]], fused=False
    )
    assert loss == 30 / 4
    np.testing.assert_array_equal(gradient, [[0.5, 1.0], [1.5, 2.0]])


@pytest.mark.parametrize("kind", LOSSES.values())
def test_loss_reads_its_buffers_at_every_call(kind):
    output = np.array([[0.2, 0.8], [0.6, 0.4]])
    targets = np.array([[0], [1]]) if kind.sparse else np.eye(2)
    loss = kind().bind(output, targets, np.empty_like(output), fused=False)
    first = loss.run_forward()
    output[:] = [[0.8, 0.2], [0.4, 0.6]]
    assert loss.run_forward() < first
    targets[:] = targets[::-1].copy()
    assert loss.run_forward() == pytest.approx(first, rel=1e-15)


def test_constants_can_be_those_of_a_lower_precision():
    p, y = np.zeros((1, 1), np.longdouble), np.ones((1, 1), np.longdouble)
    bound = BinaryCrossentropy().bind(p, y, np.empty_like(p), fused=False, constants="float32")
    assert bound.run_forward() == -np.log(np.longdouble(np.float32(1e-7)))

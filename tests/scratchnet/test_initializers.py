import itertools

import keras
import numpy as np
import pytest

from scratchnet import Architecture, Dense, Network, initial_weights
from scratchnet.initializers import INITIALIZERS, fans

# Wide enough that the sample's moments are known to a percent.
SHAPE = (200, 300)

STANDARD_DEVIATIONS = {
    "glorot_uniform": np.sqrt(2 / (200 + 300)),
    "glorot_normal": np.sqrt(2 / (200 + 300)),
    "he_uniform": np.sqrt(2 / 200),
    "he_normal": np.sqrt(2 / 200),
    "lecun_normal": np.sqrt(1 / 200),
    "lecun_uniform": np.sqrt(1 / 200),
    "random_normal": 0.05,
    "truncated_normal": 0.05 * 0.87962566103423978,
    "article": 0.1,
}


def draw(name, seed=0, shape=SHAPE):
    return INITIALIZERS[name](np.random.RandomState(seed), shape)


@pytest.mark.parametrize("name", STANDARD_DEVIATIONS)
def test_mean_and_standard_deviation_are_the_initializers(name):
    values = draw(name)
    expected, n = STANDARD_DEVIATIONS[name], values.size
    assert values.shape == SHAPE
    # Five standard errors; the standard deviation's is largest, s / sqrt(2n), for a normal.
    assert abs(values.mean()) < 5 * expected / np.sqrt(n)
    assert abs(values.std() - expected) < 5 * expected / np.sqrt(2 * n)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("glorot_uniform", np.sqrt(6 / 500)),
        ("he_uniform", np.sqrt(6 / 200)),
        ("glorot_normal", 2 * np.sqrt(2 / 500) / 0.87962566103423978),
        ("he_normal", 2 * np.sqrt(2 / 200) / 0.87962566103423978),
    ],
)
def test_values_fill_their_range_and_stay_in_it(name, limit):
    values = np.abs(draw(name))
    assert 0.99 * limit < values.max() <= limit


OTHERS = {"article", "random_normal", "zeros", "ones", "orthogonal"}


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - OTHERS))
def test_range_and_spread_are_those_of_keras(name):
    keras_values = keras.ops.convert_to_numpy(
        keras.initializers.get({"class_name": name, "config": {"seed": 1}})(SHAPE)
    )
    values = draw(name)
    assert values.std() == pytest.approx(keras_values.std(), rel=0.02)
    assert np.abs(values).max() == pytest.approx(np.abs(keras_values).max(), rel=0.01)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (3, 3, 4, 8)])
def test_fans_are_those_of_keras(shape):
    from keras.src.initializers.random_initializers import compute_fans

    assert fans(shape) == compute_fans(shape)


def test_zeros_are_zeros_and_ones_are_ones():
    assert not draw("zeros").any()
    assert np.all(draw("ones") == 1)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (2, 2, 3, 5)])
def test_orthogonal_vectors_are_orthonormal(shape):
    matrix = draw("orthogonal", shape=shape).reshape(-1, shape[-1])
    fewer = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(fewer @ fewer.T, np.eye(len(fewer)), rtol=0, atol=1e-14)


def test_seed_99_gives_the_articles_own_numbers():
    widths = [2, 4, 6, 6, 4, 1]
    architecture = Architecture.from_article(
        [
            {"input_dim": inputs, "output_dim": outputs, "activation": activation}
            for inputs, outputs, activation in zip(
                widths, widths[1:], ["relu"] * 4 + ["sigmoid"], strict=False
            )
        ]
    )
    ours = initial_weights(architecture, seed=99)
    # As the article prints it: np.random.seed(99), then W and b of each layer in turn.
    random = np.random.RandomState(99)
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths), start=1):
        w = random.randn(outputs, inputs) * 0.1
        b = random.randn(outputs, 1) * 0.1
        np.testing.assert_array_equal(ours[f"dense_{number}/kernel"], w.T)
        np.testing.assert_array_equal(ours[f"dense_{number}/bias"], b[:, 0])
    # RandomState's stream is frozen, so these digits hold under every NumPy version.
    np.testing.assert_allclose(
        ours["dense_1/kernel"][:, 0], [-0.014235884, 0.205722174], rtol=0, atol=1e-9
    )


def test_float32_network_starts_from_the_rounded_float64_weights():
    architecture = Architecture((3,), (Dense(4, "relu"), Dense(1)), "mean_squared_error")
    exact = Network(architecture, seed=7, dtype="float64").weights
    for name, value in Network(architecture, seed=7, dtype="float32").weights.items():
        np.testing.assert_array_equal(value, exact[name].astype(np.float32))


def test_seed_decides_the_weights_and_nothing_else_does():
    architecture = Architecture((3,), (Dense(4), Dense(1)), "mean_squared_error")
    first = initial_weights(architecture, seed=1)
    np.random.seed(12)  # noqa: NPY002 - the global generator must not matter
    second = initial_weights(architecture, seed=1)
    other = initial_weights(architecture, seed=2)
    for name in ("dense_1/kernel", "dense_2/kernel"):
        np.testing.assert_array_equal(first[name], second[name])
        assert not np.array_equal(first[name], other[name])


def test_layers_of_one_shape_start_apart():
    architecture = Architecture((3,), (Dense(3), Dense(3)), "mean_squared_error")
    weights = initial_weights(architecture, seed=0)
    assert not np.array_equal(weights["dense_1/kernel"], weights["dense_2/kernel"])

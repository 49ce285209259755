"""Normalization of every sample by itself: what its numbers must be."""

import numpy as np
import pytest

from scratchnet import Architecture, Network
from scratchnet.errors import ArchitectureError
from scratchnet.layers import (
    BatchNormalization,
    Dense,
    Flatten,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)

RANDOM = np.random.RandomState(0)


def normalised(layer, x):
    layers = (layer, Flatten(), Dense(1))
    architecture = Architecture(x.shape[1:], layers, "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    network.predict(x)
    return network.plan(len(x)).tensors[f"{layer.kind}_1/activation"]


def test_every_position_comes_out_with_mean_0_and_variance_1():
    # keras/src/layers/normalization/layer_normalization_test.py, test_correctness.
    found = normalised(LayerNormalization(epsilon=0.0), RANDOM.normal(5, 10, (7, 6, 9)))
    np.testing.assert_allclose(found.mean(axis=-1), 0, atol=1e-13)
    np.testing.assert_allclose(found.var(axis=-1), 1, rtol=1e-13)


def test_a_group_is_neighbouring_channels_over_all_positions():
    found = normalised(
        GroupNormalization(groups=2, epsilon=0.0), RANDOM.normal(5, 10, (3, 4, 5, 6))
    )
    for channels in (slice(0, 3), slice(3, 6)):
        np.testing.assert_allclose(found[..., channels].mean(axis=(1, 2, 3)), 0, atol=1e-13)
        np.testing.assert_allclose(found[..., channels].var(axis=(1, 2, 3)), 1, rtol=1e-13)


def test_one_group_over_one_position_is_layer_normalization():
    x = RANDOM.standard_normal((3, 1, 6))
    np.testing.assert_allclose(
        normalised(GroupNormalization(groups=1), x), normalised(LayerNormalization(), x), rtol=1e-13
    )


def test_minus_one_makes_every_channel_a_group():
    x = RANDOM.standard_normal((1, 5, 3))
    # With a single sample, batch normalization has the same means.
    network = Network(
        Architecture((5, 3), (BatchNormalization(), Flatten(), Dense(1)), "mean_squared_error"),
        seed=0,
        dtype="float64",
    )
    batch = network.trace_step(x, [[0.0]]).tensors["batch_normalization_1/activation"]
    np.testing.assert_allclose(normalised(GroupNormalization(groups=-1), x), batch, rtol=1e-13)


def test_root_mean_square_does_not_subtract_the_mean():
    # mean of squares (9 + 16) / 2 = 12.5
    found = normalised(RMSNormalization(epsilon=0.0), np.array([[3.0, 4.0]]))
    np.testing.assert_allclose(found, [[3 / 12.5**0.5, 4 / 12.5**0.5]], rtol=1e-14)


def test_unit_length_and_a_vector_of_zeros():
    found = normalised(UnitNormalization(), np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-14)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: GroupNormalization(), "groups = 32 with 4 input channels; expected a divisor"),
        (lambda: GroupNormalization(groups=0), "groups = 0; expected a positive integer, or -1"),
        (lambda: LayerNormalization(epsilon=-1.0), "epsilon = -1.0; expected a number from 0"),
        (lambda: RMSNormalization(epsilon="small"), "epsilon = 'small'; expected a number from 0"),
        (lambda: LayerNormalization(scale=None), "scale = None; expected true or false"),
    ],
)
def test_a_bad_argument_is_named(layer, message):
    with pytest.raises(ArchitectureError, match=message):
        Architecture((3, 4), (layer(), Flatten(), Dense(1)), "mean_squared_error")

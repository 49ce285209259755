"""What many tests need: random architectures, and batches that fit them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from scratchnet import Architecture, Dense
from scratchnet.initializers import INITIALIZERS

# What most networks have; tests/test_vocabulary.py goes over all there is.
ACTIVATIONS = ("linear", "relu", "sigmoid", "softmax", "tanh")
LOSSES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
)

# The same examples at every run: a failure here is a failure everywhere.
settings.register_profile("tests", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("tests")


@st.composite
def _architectures(draw):
    loss = draw(st.sampled_from(sorted(LOSSES)))
    activations = sorted(ACTIVATIONS)
    last = [a for a in activations if (loss, a) != ("binary_crossentropy", "softmax")]
    layers = [
        Dense(
            units,
            activation,
            use_bias=draw(st.booleans()),
            kernel_initializer=draw(st.sampled_from(sorted(set(INITIALIZERS) - {"zeros"}))),
            bias_initializer=draw(st.sampled_from(["zeros", "article"])),
        )
        for units, activation in draw(
            st.lists(st.tuples(st.integers(1, 5), st.sampled_from(activations)), max_size=3)
        )
    ]
    activation = draw(st.sampled_from(last))
    fewest = 2 if "categorical" in loss or activation == "softmax" else 1
    layers.append(Dense(draw(st.integers(fewest, 4)), activation))
    return Architecture((draw(st.integers(1, 4)),), tuple(layers), loss)


@pytest.fixture(scope="session")
def architectures():
    """A strategy: small architectures of every activation, loss and initializer."""
    return _architectures()


@pytest.fixture(scope="session")
def make_batch():
    """A function: inputs and targets that fit an architecture, in its dtype."""

    def make(architecture, samples, dtype="float64", seed=0):
        random = np.random.RandomState(seed)
        x = random.randn(samples, *architecture.input_shape).astype(dtype)
        units = architecture.units
        if architecture.loss.name == "sparse_categorical_crossentropy":
            return x, random.randint(0, units, (samples, 1))
        if architecture.loss.name == "categorical_crossentropy":
            return x, np.eye(units, dtype=dtype)[random.randint(0, units, samples)]
        if architecture.loss.name == "binary_crossentropy":
            return x, random.randint(0, 2, (samples, units)).astype(dtype)
        return x, random.randn(samples, units).astype(dtype)

    return make

"""Recurrent layers: their arguments, and what masks of dropout do."""

import numpy as np
import pytest

from scratchnet import Architecture, Network
from scratchnet.errors import ArchitectureError
from scratchnet.layers import GRU, LSTM, Dense, SimpleRNN


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"type": "lstm", "units": 0}, "units = 0"),
        ({"type": "gru", "units": 2, "dropout": 1.0}, "dropout = 1.0; expected a number from 0"),
        ({"type": "gru", "units": 2, "recurrent_dropout": -0.1}, "recurrent_dropout = -0.1"),
        ({"type": "gru", "units": 2, "reset_after": 1}, "reset_after = 1; expected true or false"),
        ({"type": "lstm", "units": 2, "stateful": True}, "every batch starts from a state of zero"),
        ({"type": "simple_rnn", "units": 2, "return_state": True}, "one output"),
        ({"type": "lstm", "units": 2, "recurrent_activation": "sigmoidal"}, "did you mean"),
    ],
)
def test_a_wrong_argument_is_named(layer, message):
    table = {"input_shape": [3, 2], "loss": "mean_squared_error", "layers": [layer]}
    with pytest.raises(ArchitectureError, match=message) as error:
        Architecture.from_dict(table)
    assert str(error.value).startswith("layers[0]")
    assert "\n" not in str(error.value)


def test_an_input_that_is_no_sequence_is_named():
    with pytest.raises(ArchitectureError, match=r"gru expects \(time, features\)"):
        Architecture((3,), (GRU(2), Dense(1)), "mean_squared_error")


def test_a_gru_of_one_unit_is_the_formula_step_by_step():
    network = Network(
        Architecture((2, 1), (GRU(1),), "mean_squared_error"), seed=0, dtype="float64"
    )
    kernel, recurrent = np.array([[0.5, -1.0, 2.0]]), np.array([[0.3, 0.7, -0.4]])
    bias = np.array([[0.1, 0.2, 0.3], [-0.2, 0.4, 0.6]])
    network.set_weights(
        {"gru_1/kernel": kernel, "gru_1/recurrent_kernel": recurrent, "gru_1/bias": bias}
    )
    h = 0.0
    for x in (1.5, -0.5):
        u, r = (
            1 / (1 + np.exp(-(x * kernel[0, n] + bias[0, n] + h * recurrent[0, n] + bias[1, n])))
            for n in (0, 1)
        )
        g = np.tanh(x * kernel[0, 2] + bias[0, 2] + r * (h * recurrent[0, 2] + bias[1, 2]))
        h = u * h + (1 - u) * g
    np.testing.assert_allclose(network.predict([[[1.5], [-0.5]]]), [[h]], rtol=1e-14)


@pytest.mark.parametrize("made", [SimpleRNN, GRU, LSTM])
def test_one_mask_counts_for_all_time_steps_and_none_in_inference(made):
    layer = made(3, dropout=0.25, recurrent_dropout=0.5, name="layer")
    architecture = Architecture((5, 2), (layer, Dense(1)), "mean_squared_error")
    gates = len(made.recurrence.gates)
    assert architecture.noise_shape(layer) == (gates * (2 + 3),)
    drawn = layer.draw_noise(np.random.RandomState(0), (2000, gates * (2 + 3)))
    assert drawn[:, : 2 * gates].mean() == pytest.approx(0.75, abs=0.02)
    assert drawn[:, 2 * gates :].mean() == pytest.approx(0.5, abs=0.02)
    plain = Architecture((5, 2), (made(3, name="layer"), Dense(1)), "mean_squared_error")
    x = np.random.RandomState(1).standard_normal((4, 5, 2))
    networks = [Network(a, seed=1, dtype="float64") for a in (architecture, plain)]
    one, other = (network.predict(x) for network in networks)
    np.testing.assert_array_equal(one, other)


def test_a_forget_gate_starts_at_1():
    weights = Network(Architecture((3, 2), (LSTM(2),), "mean_squared_error"), seed=0).weights
    np.testing.assert_array_equal(weights["lstm_1/bias"], [0, 0, 1, 1, 0, 0, 0, 0])


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_arguments_without_names_are_those_of_keras(layer):
    made = layer(3, "relu", "tanh")
    assert (made.activation, made.recurrent_activation) == ("relu", "tanh")
    with pytest.raises(TypeError):
        layer(3, "relu", "tanh", False)

import copy

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet import Architecture, Dense, Network, gradient_check

# What most networks have; tests/test_vocabulary.py goes over all there is.
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")
LOSSES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "mean_squared_error",
)

# Biases that are not 0 keep a layer behind a dead one away from ReLU's kink.
ARTICLE = Architecture(
    (2,),
    (
        *(Dense(units, "relu", bias_initializer="article") for units in (4, 6, 6, 4)),
        Dense(1, "sigmoid"),
    ),
    "binary_crossentropy",
)

LAST_AND_LOSS = [
    (last, loss)
    for last in ACTIVATIONS
    for loss in LOSSES
    if (last, loss) != ("softmax", "binary_crossentropy")
]


def float64_gradients(network, x, y):
    """The gradients of a float64 network with the same weights."""
    copy = Network(network.architecture, seed=0, dtype="float64")
    copy.set_weights(network.weights)
    return copy.loss_and_gradients(x, y)[1]


@pytest.fixture
def article(make_batch):
    return Network(ARTICLE, seed=3), *make_batch(ARTICLE, 9)


def test_every_entry_of_every_weight_is_checked(article):
    check = gradient_check(*article)
    assert {name: part.error.shape for name, part in check.weights.items()} == dict(
        ARTICLE.weight_shapes()
    )
    assert check.count("agrees") == sum(part.error.size for part in check.weights.values())
    assert check.ok


@pytest.mark.parametrize(("last", "loss"), LAST_AND_LOSS)
def test_gradient_of_every_last_activation_and_loss_is_right(last, loss, make_batch):
    for hidden in ACTIVATIONS:
        architecture = Architecture(
            (3,), (Dense(4, hidden), Dense(4, hidden), Dense(3, last)), loss
        )
        network = Network(architecture, seed=1)
        # Not at ReLU's kink, and last outputs that are probabilities, which clipping leaves alone.
        weights = network.weights
        weights |= {name: w + 0.1 for name, w in weights.items() if name.endswith("bias")}
        weights["dense_3/bias"] += 0.4
        network.set_weights(weights)
        check = gradient_check(network, *make_batch(architecture, 7))
        assert check.ok, check
        assert check.count("undecided") == 0, check


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # the 0 / 0 below
@given(data=st.data(), seed=st.integers(0, 1000), scale=st.sampled_from([0.01, 1.0, 30.0]))
def test_gradients_of_random_networks_are_right(data, seed, scale, architectures, make_batch):
    architecture = data.draw(architectures)
    network = Network(architecture, seed=seed, dtype="float64")
    random = np.random.RandomState(seed)
    network.set_weights(
        {name: scale * w + 0.05 * random.randn(*w.shape) for name, w in network.weights.items()}
    )
    x, y = make_batch(architecture, data.draw(st.integers(1, 6)), seed=seed)
    loss, own = network.loss_and_gradients(x, y)
    # 0 / 0 where all the outputs of a sample are 0 is nan in Keras too.
    assume(np.isfinite(loss) and all(np.isfinite(g).all() for g in own.values()))
    check = gradient_check(network, x, y)
    assert check.count("disagrees") == 0, check


@given(
    data=st.data(), seed=st.integers(0, 1000), factor=st.sampled_from([-1.0, 2.0, 0.5, 6.0, 1.001])
)
def test_wrong_gradients_of_random_networks_are_found(
    data, seed, factor, architectures, make_batch
):
    architecture = data.draw(architectures)
    network = Network(architecture, seed=seed, dtype="float64")
    x, y = make_batch(architecture, 6, seed=seed)
    loss, right = network.loss_and_gradients(x, y)
    assume(np.isfinite(loss) and max(np.abs(g).max() for g in right.values()) > 1e-4)
    wrong = {name: factor * gradient for name, gradient in right.items()}
    assert not gradient_check(network, x, y, gradients=wrong).ok


MISTAKES = {
    "sign": lambda g: -g,
    "factor 2": lambda g: 2 * g,
    "missing 1/m": lambda g: 9 * g,
    "units in the wrong order": lambda g: g[::-1],
    "shifted by a millionth": lambda g: g + 1e-6 * np.abs(g).max(),
    "never computed": np.zeros_like,
    "nan": lambda g: np.full_like(g, np.nan),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_in_one_weight_is_found_there_and_only_there(mistake, article):
    network, x, y = article
    gradients = float64_gradients(network, x, y)
    name = "dense_4/kernel"
    gradients[name] = MISTAKES[mistake](gradients[name])
    check = gradient_check(network, x, y, gradients=gradients)
    assert not check.ok
    assert [other for other, part in check.weights.items() if part.count("disagrees")] == [name]


def test_one_wrong_entry_is_named_with_its_values(article):
    network, x, y = article
    gradients = float64_gradients(network, x, y)
    right = gradients["dense_1/kernel"][1, 2]
    gradients["dense_1/kernel"][1, 2] = right + 1e-4
    check = gradient_check(network, x, y, gradients=gradients)
    assert check.count("disagrees") == 1
    assert check.weights["dense_1/kernel"].verdict[1, 2] == "disagrees"
    (line,) = [line for line in str(check).splitlines() if line.startswith("dense_1/kernel[1, 2]")]
    assert f"analytic {right + 1e-4:.10g}" in line
    assert "NOT ok" in str(check)


def test_error_is_within_its_estimate_of_the_true_derivative(article):
    network, x, y = article
    exact = Network(ARTICLE, seed=0, dtype="longdouble", constants="float64")
    exact.set_weights(network.weights)
    _, reference = exact.loss_and_gradients(x, y)
    for name, part in gradient_check(network, x, y).weights.items():
        assert np.all(np.abs(part.numeric - reference[name]) <= part.estimate)
        # An estimate that allows everything would prove nothing.
        assert np.all(part.estimate <= 1e-8)


def test_kink_within_every_step_is_undecided():
    architecture = Architecture((2,), (Dense(3, "relu"), Dense(1)), "mean_squared_error")
    network = Network(architecture, seed=0)
    # Inputs of 0 and biases of 0: every pre-activation is exactly 0, where ReLU has its kink.
    check = gradient_check(network, np.zeros((4, 2)), np.ones((4, 1)))
    assert set(check.weights["dense_1/bias"].verdict) == {"undecided"}
    assert set(check.weights["dense_1/kernel"].verdict.flat) == {"agrees"}
    assert check.ok


def test_kink_next_to_a_weight_is_stepped_around():
    architecture = Architecture((1,), (Dense(1, "relu"), Dense(1)), "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    for distance in (1e-5, -1e-5, 3e-7, -3e-7):
        network.set_weights(
            {
                "dense_1/kernel": np.array([[0.5]]),
                "dense_1/bias": np.array([-0.5 + distance]),
                "dense_2/kernel": np.array([[2.0]]),
                "dense_2/bias": np.array([0.25]),
            }
        )
        check = gradient_check(network, [[1.0]], [[1.0]])
        # d/db (2 max(0.5 + b, 0) + 0.25 - 1)^2 = 4 (2 max(0.5 + b, 0) - 0.75) where b > -0.5
        expected = 4 * (2 * distance - 0.75) if distance > 0 else 0.0
        assert check.weights["dense_1/bias"].verdict[0] == "agrees"
        assert check.weights["dense_1/bias"].analytic[0] == pytest.approx(expected, rel=1e-9)


def test_only_undecided_entries_are_not_ok():
    architecture = Architecture((1,), (Dense(1, "relu"),), "mean_squared_error")
    network = Network(architecture, seed=0)
    network.set_weights({"dense_1/kernel": np.zeros((1, 1)), "dense_1/bias": np.zeros(1)})
    check = gradient_check(network, [[1.0]], [[1.0]])
    assert check.count("undecided") == 2
    assert not check.ok


def test_saturated_outputs_do_not_make_a_right_gradient_disagree():
    architecture = Architecture((1,), (Dense(2, "tanh"),), "binary_crossentropy")
    network = Network(architecture, seed=0)
    network.set_weights({"dense_1/kernel": np.array([[6.5, -7.0]]), "dense_1/bias": np.zeros(2)})
    check = gradient_check(network, [[1.0], [0.9], [-0.2]], [[1, 0], [0, 1], [1, 1]])
    assert check.count("disagrees") == 0, check


def test_network_is_not_changed(article):
    network, x, y = article
    before = network.parameters.values.copy()
    gradients = network.parameters.gradients.copy()
    gradient_check(network, x, y)
    np.testing.assert_array_equal(network.parameters.values, before)
    np.testing.assert_array_equal(network.parameters.gradients, gradients)


def test_float32_gradients_are_refused(article):
    network, x, y = article
    with pytest.raises(ValueError, match=r"dense_1/kernel.*float32.*expected float64"):
        gradient_check(network, x, y, gradients=network.loss_and_gradients(x, y)[1])


def test_gradients_that_do_not_fit_are_refused(article):
    network, x, y = article
    gradients = float64_gradients(network, x, y)
    with pytest.raises(ValueError, match=r"dense_2/bias.*expected"):
        gradient_check(network, x, y, gradients={"dense_2/bias": gradients["dense_2/bias"]})
    gradients["dense_1/kernel"] = gradients["dense_1/kernel"].T
    with pytest.raises(ValueError, match=r"dense_1/kernel.*shape \(4, 2\), expected \(2, 4\)"):
        gradient_check(network, x, y, gradients=gradients)


def test_loss_that_is_not_finite_is_refused(article):
    network, x, y = article
    infinite = copy.deepcopy(network)
    infinite.set_weights({name: value * np.inf for name, value in network.weights.items()})
    with pytest.raises(ValueError, match="expected a finite loss"):
        gradient_check(infinite, x, y)

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from experiments.bench.peers.article_numpy import load_article
from scratchnet import SGD, Adam, Architecture, Dense, Network, OptimizerState
from scratchnet.losses import LOSSES

ARTICLE = Architecture(
    (2,),
    (Dense(4, "relu"), Dense(6, "relu"), Dense(6, "relu"), Dense(4, "relu"), Dense(1, "sigmoid")),
    "binary_crossentropy",
)
THREE_CLASSES = Architecture(
    (3,), (Dense(5, "tanh"), Dense(3, "softmax")), "sparse_categorical_crossentropy"
)


def with_drawn_biases(network, seed=0):
    """Give every weight a random shift, so that no bias is 0 and no ReLU sits at its kink."""
    random = np.random.RandomState(seed)
    network.set_weights(
        {name: w + 0.1 * random.randn(*w.shape) for name, w in network.weights.items()}
    )
    return network


def by_the_articles_formulas(network, x, y):
    """Cost and gradients by the article's own functions, samples in columns."""
    article = load_article()
    names = [layer.name for layer in network.architecture.layers]
    layers = [{"activation": layer.activation} for layer in network.architecture.layers]
    weights = network.weights
    parameters = {}
    for number, name in enumerate(names, start=1):
        parameters[f"W{number}"] = weights[f"{name}/kernel"].T
        parameters[f"b{number}"] = weights[f"{name}/bias"][:, None]
    prediction, memory = article.full_forward_propagation(x.T, parameters, layers)
    found = article.full_backward_propagation(prediction, y.T, memory, parameters, layers)
    gradients = {}
    for number, name in enumerate(names, start=1):
        gradients[f"{name}/kernel"] = found[f"dW{number}"].T
        gradients[f"{name}/bias"] = found[f"db{number}"].ravel()
    return float(article.get_cost_value(prediction, y.T)), gradients


def test_loss_and_gradients_are_those_of_the_articles_formulas(make_batch):
    network = with_drawn_biases(Network(ARTICLE, seed=2, dtype="float64"))
    x, y = make_batch(ARTICLE, 20)
    loss, gradients = network.loss_and_gradients(x, y)
    expected_loss, expected = by_the_articles_formulas(network, x, y)
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        largest = np.abs(expected[name]).max()
        assert largest > 0
        np.testing.assert_allclose(gradient, expected[name], rtol=0, atol=1e-13 * largest)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # 0 / 0, as in Keras
@given(data=st.data(), seed=st.integers(0, 1000))
def test_batch_is_the_mean_of_its_samples(data, seed, architectures, make_batch):
    architecture = data.draw(architectures)
    network = with_drawn_biases(Network(architecture, seed=seed, dtype="float64"), seed)
    samples = data.draw(st.integers(2, 6))
    x, y = make_batch(architecture, samples, seed=seed)
    loss, gradients = network.loss_and_gradients(x, y)
    assume(np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients.values()))
    singles = [network.loss_and_gradients(x[i : i + 1], y[i : i + 1]) for i in range(samples)]
    assert loss == pytest.approx(np.mean([single[0] for single in singles]), rel=1e-12)
    for name, gradient in gradients.items():
        parts = np.array([single[1][name] for single in singles])
        bound = 1e-12 * np.abs(parts).max()
        np.testing.assert_allclose(gradient, parts.mean(axis=0), rtol=0, atol=bound)


@given(data=st.data(), seed=st.integers(0, 1000))
def test_order_of_samples_does_not_matter(data, seed, architectures, make_batch):
    architecture = data.draw(architectures)
    network = with_drawn_biases(Network(architecture, seed=seed, dtype="float64"), seed)
    x, _ = make_batch(architecture, 7, seed=seed)
    order = np.random.RandomState(seed).permutation(7)
    np.testing.assert_allclose(network.predict(x)[order], network.predict(x[order]), rtol=1e-12)


def test_batches_of_different_sizes_do_not_disturb_each_other(make_batch):
    network = with_drawn_biases(Network(ARTICLE, seed=1, dtype="float64"))
    x, y = make_batch(ARTICLE, 9)
    first = network.loss_and_gradients(x, y)
    network.loss_and_gradients(x[:4], y[:4])
    network.predict(x[:1])
    again = network.loss_and_gradients(x, y)
    assert first[0] == again[0]
    for name, gradient in first[1].items():
        np.testing.assert_array_equal(gradient, again[1][name])


def test_what_is_returned_is_a_copy(make_batch):
    network = with_drawn_biases(Network(ARTICLE, seed=1))
    x, y = make_batch(ARTICLE, 5, "float32")
    prediction, (_, gradients), weights = (
        network.predict(x),
        network.loss_and_gradients(x, y),
        network.weights,
    )
    kept = prediction.copy(), gradients["dense_1/kernel"].copy(), weights["dense_1/kernel"].copy()
    network.train_step(-x, 1 - y, OptimizerState(SGD(1.0), network.parameters))
    np.testing.assert_array_equal(prediction, kept[0])
    np.testing.assert_array_equal(gradients["dense_1/kernel"], kept[1])
    np.testing.assert_array_equal(weights["dense_1/kernel"], kept[2])


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_everything_computed_has_the_networks_dtype(dtype, make_batch):
    network = Network(ARTICLE, seed=1, dtype=dtype)
    x, y = make_batch(ARTICLE, 5)
    state = OptimizerState(Adam(), network.parameters)
    trace = network.trace_step(x, y, state)
    assert {tensor.dtype for tensor in trace.tensors.values()} == {np.dtype(dtype)}
    assert network.predict(x).dtype == np.dtype(dtype)
    assert isinstance(network.loss_and_gradients(x, y)[0], float)


def test_higher_precision_brings_the_gradient_nearer_to_the_truth(make_batch):
    x, y = make_batch(ARTICLE, 8, "float32")
    start = with_drawn_biases(Network(ARTICLE, seed=1)).weights
    gradients = {}
    for dtype in ("float32", "float64", "longdouble"):
        network = Network(ARTICLE, seed=0, dtype=dtype)
        network.set_weights(start)
        gradients[dtype] = network.loss_and_gradients(x, y)[1]["dense_1/kernel"]
    exact = gradients["longdouble"]
    errors = [np.abs(gradients[dtype] - exact).max() for dtype in ("float32", "float64")]
    assert errors[1] < 1e-6 * errors[0]


def test_train_step_returns_the_loss_before_and_moves_against_the_gradient(make_batch):
    network = with_drawn_biases(Network(ARTICLE, seed=1, dtype="float64"))
    x, y = make_batch(ARTICLE, 12)
    before = network.weights
    loss, gradients = network.loss_and_gradients(x, y)
    assert network.train_step(x, y, OptimizerState(SGD(0.1), network.parameters)) == loss
    for name, weight in network.weights.items():
        np.testing.assert_array_equal(weight, before[name] - 0.1 * gradients[name])
    assert network.loss_and_gradients(x, y)[0] < loss


def test_trace_names_every_tensor_of_a_step(make_batch):
    architecture = Architecture((2,), (Dense(3, "tanh"), Dense(1, "sigmoid")), ARTICLE.loss)
    network = Network(architecture, seed=1)
    x, y = make_batch(architecture, 4, "float32")
    trace = network.trace_step(x, y, OptimizerState(Adam(), network.parameters))
    layer = ("pre_activation", "activation", "pre_activation_gradient")
    weights = [f"dense_{i}/{short}" for i in (1, 2) for short in ("kernel", "bias")]
    assert set(trace.tensors) == {
        *(f"dense_{i}/{short}" for i in (1, 2) for short in layer),
        "dense_1/activation_gradient",  # the last one's is bypassed by the fused loss
        *(f"{w}_{kind}" for w in weights for kind in ("gradient", "updated")),
        *(f"{w}_{slot}" for w in weights for slot in ("momentum", "velocity")),
    }
    np.testing.assert_array_equal(
        trace.tensors["dense_2/kernel_updated"], network.weights["dense_2/kernel"]
    )


def test_trace_without_an_optimizer_changes_nothing(make_batch):
    network = Network(ARTICLE, seed=1)
    before = network.parameters.values.copy()
    trace = network.trace_step(*make_batch(ARTICLE, 4, "float32"))
    np.testing.assert_array_equal(network.parameters.values, before)
    assert not any(name.endswith("_updated") for name in trace.tensors)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=0)[::2]])
def test_memory_layout_of_inputs_does_not_matter(layout, make_batch):
    network = Network(ARTICLE, seed=1)
    x, _ = make_batch(ARTICLE, 6, "float32")
    np.testing.assert_array_equal(network.predict(layout(x)), network.predict(x))


def test_lists_and_integers_are_taken_as_numbers():
    network = Network(ARTICLE, seed=1)
    as_list = network.loss_and_gradients([[1, 2], [3, 4]], [0, 1])
    as_array = network.loss_and_gradients(
        np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0], [1]])
    )
    assert as_list[0] == as_array[0]


def test_class_numbers_may_be_a_row_a_column_or_floats():
    network = Network(THREE_CLASSES, seed=1)
    x = np.ones((3, 3))
    losses = {
        network.loss_and_gradients(x, y)[0]
        for y in ([0, 2, 1], [[0], [2], [1]], [0.0, 2.0, 1.0], np.array([0, 2, 1], np.uint8))
    }
    assert len(losses) == 1


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 3)), r"x: shape \(4, 3\), expected \(samples, 2\)"),
        (np.zeros(2), r"x: shape \(2,\)"),
        (np.zeros((0, 2)), r"x: shape \(0, 2\)"),
        (np.zeros((1, 4, 2)), r"x: shape \(1, 4, 2\)"),
    ],
)
def test_inputs_of_a_wrong_shape_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        Network(ARTICLE, seed=0).predict(x)


@pytest.mark.parametrize(
    ("architecture", "y", "message"),
    [
        (ARTICLE, np.zeros((4, 2)), r"y: shape \(4, 2\), expected \(3, 1\)"),
        (ARTICLE, np.zeros(4), r"y: shape \(4,\), expected \(3, 1\)"),
        (THREE_CLASSES, np.eye(3), r"y: shape \(3, 3\), expected \(3, 1\)"),
        (THREE_CLASSES, [0, 1, 3], "class numbers from 0 to 2"),
        (THREE_CLASSES, [0, -1, 1], "class numbers from 0 to 2"),
        (THREE_CLASSES, [0.0, 0.5, 1.0], "class numbers from 0 to 2"),
    ],
)
def test_targets_that_do_not_fit_are_refused(architecture, y, message):
    network = Network(architecture, seed=0)
    with pytest.raises(ValueError, match=message):
        network.loss_and_gradients(np.zeros((3, *architecture.input_shape)), y)


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex128"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(ValueError, match="expected float32 or float64"):
        Network(ARTICLE, seed=0, dtype=dtype)


def peak_growth(function):
    """Most memory in use during a call beyond what was in use before it, in bytes.

    The least of three calls: another thread's allocations are counted too, but what the
    function itself allocates, it allocates at every call.
    """
    function()  # buffers are planned at the first call
    growths = []
    tracemalloc.start()
    try:
        for _ in range(3):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            function()
            growths.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return min(growths)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("last", ["softmax", "sigmoid", "tanh"])
@pytest.mark.parametrize("loss", LOSSES)
def test_training_step_allocates_no_arrays(loss, last, dtype, make_batch):
    if (loss, last) == ("binary_crossentropy", "softmax"):
        last = "relu"
    architecture = Architecture(
        (4,), (Dense(6, "relu"), Dense(6, "tanh"), Dense(6, "softmax"), Dense(3, last)), loss
    )
    network = Network(architecture, seed=0, dtype=dtype)
    samples = 20_000
    x, y = make_batch(architecture, samples, dtype)
    state = OptimizerState(Adam(), network.parameters)
    # The smallest array with a number per sample would be a mask of 20 kB.
    assert peak_growth(lambda: network.train_step(x, y, state)) < samples / 4


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_used_network_survives_being_copied(copied, make_batch):
    architecture = Architecture((3,), (Dense(4, "tanh"), Dense(2)), "mean_squared_error")
    x, y = make_batch(architecture, 6)
    network = Network(architecture, seed=1, dtype="float64")
    state = OptimizerState(Adam(), network.parameters)
    network.train_step(x, y, state)
    twin, twin_state = copied((network, state))
    np.testing.assert_array_equal(twin.predict(2 * x), network.predict(2 * x))
    for one, its_state in ((network, state), (twin, twin_state)):
        one.train_step(2 * x, y, its_state)
    np.testing.assert_array_equal(twin.parameters.values, network.parameters.values)
    assert not np.shares_memory(twin.parameters.values, network.parameters.values)


def test_memory_does_not_grow_with_the_sizes_that_are_predicted():
    architecture = Architecture((64,), (Dense(512, "relu"), Dense(10)), "mean_squared_error")
    network = Network(architecture, seed=0)
    x = np.ones((3000, 64), np.float32)
    plan = peak_growth(lambda: Network(architecture, seed=0).plan(1024))
    outputs = x[:, :10].nbytes
    grown = peak_growth(lambda: [network.predict(x[:n]) for n in range(1000, 3000, 50)])
    # 40 sizes and as many rests; no more than 8 plans are kept, and a ninth while it is made.
    assert grown < 9 * plan + 2 * outputs
    assert peak_growth(lambda: network.predict(x)) < 2 * plan + 2 * outputs


def test_predictions_do_not_depend_on_the_batch_size_by_more_than_rounding():
    architecture = Architecture((5,), (Dense(7, "tanh"), Dense(2)), "mean_squared_error")
    network = Network(architecture, seed=0, dtype="float64")
    x = np.random.RandomState(0).randn(50, 5)
    for batch_size in (1, 7, 50, 64):
        np.testing.assert_allclose(
            network.predict(x, batch_size=batch_size), network.predict(x), rtol=1e-13, atol=1e-15
        )
    with pytest.raises(ValueError, match="batch_size = 0; expected an integer of at least 1"):
        network.predict(x, batch_size=0)


def test_a_network_is_shown_in_a_line():
    architecture = Architecture((2,), (Dense(3), Dense(1)), "mean_squared_error")
    assert repr(Network(architecture, seed=0)) == "Network(dense_1, dense_2; 13 weights, float32)"

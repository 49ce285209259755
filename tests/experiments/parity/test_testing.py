"""The assert functions, on right and wrong networks that know nothing of scratchnet."""

import numpy as np
import pytest

from experiments.parity import envelope  # noqa: F401 - holds on to `fit`, which a test replaces
from experiments.parity.testing import (
    assert_gradients_match,
    assert_step_matches,
    assert_training_matches,
)
from scratchnet import SGD, Adam, Architecture, ArchitectureError, Dense, initial_weights

ARCHITECTURE = {
    "input_shape": [3],
    "layers": [{"units": 4, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}],
    "loss": "binary_crossentropy",
}
ARTICLE = [
    {"input_dim": 3, "output_dim": 4, "activation": "relu"},
    {"input_dim": 4, "output_dim": 1, "activation": "sigmoid"},
]
RATE = 0.1


def mine(weights, x, y, wrong=""):
    """Loss, gradients and activations of somebody's network, by the article's formulas."""
    w1, b1, w2, b2 = (weights[f"dense_{i}/{s}"] for i in (1, 2) for s in ("kernel", "bias"))
    m = len(x)
    z1 = x @ w1 + b1
    a1 = np.maximum(z1, 0)
    p = 1 / (1 + np.exp(-(a1 @ w2 + b2)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    da2 = -(y / p - (1 - y) / (1 - p)) / m
    dz2 = da2 * p * (1 - p)
    da1 = dz2 @ w2.T
    dz1 = da1 if wrong == "no derivative" else da1 * (z1 > 0)
    gradients = {
        "dense_1/kernel": x.T @ dz1,
        "dense_1/bias": dz1.sum(axis=0),
        "dense_2/kernel": a1.T @ dz2,
        "dense_2/bias": dz2.sum(axis=0),
    }
    if wrong == "no mean":
        gradients = {name: m * gradient for name, gradient in gradients.items()}
    return loss, gradients, {"dense_1": a1, "dense_2": p}


@pytest.fixture(params=["float32", "float64"])
def problem(request):
    """Weights, inputs and targets in a dtype."""
    random = np.random.RandomState(3)
    architecture = Architecture.from_dict(ARCHITECTURE)
    weights = {
        name: (value + 0.1 * random.randn(*value.shape)).astype(request.param)
        for name, value in initial_weights(architecture, 0).items()
    }
    x, y = random.randn(9, 3), (random.rand(9, 1) > 0.5).astype(float)
    return weights, x.astype(request.param), y.astype(request.param)


@pytest.mark.parametrize(
    "architecture", [ARCHITECTURE, ARTICLE, Architecture.from_dict(ARCHITECTURE)]
)
def test_right_network_passes_by_its_own_formulas(problem, architecture):
    loss, gradients, activations = mine(*problem)
    assert_gradients_match(architecture, *problem, gradients, loss=loss, activations=activations)


def test_wrong_gradient_fails_with_all_that_helps(problem):
    loss, gradients, _ = mine(*problem, wrong="no derivative")
    with pytest.raises(AssertionError) as caught:
        assert_gradients_match(ARCHITECTURE, *problem, gradients, loss=loss)
    message = str(caught.value)
    lines = [line.split(maxsplit=1) for line in message.splitlines()]
    found = {line[0]: line[1] for line in lines}
    assert message.startswith("gradients differ from Keras's: first at dense_1/kernel_gradient[")
    index = tuple(int(i) for i in message.partition("[")[2].partition("]")[0].split(","))
    assert float(found["yours"]) == pytest.approx(gradients["dense_1/kernel"][index], rel=1e-6)
    right = mine(*problem)[1]["dense_1/kernel"][index]
    assert float(found["Keras"]) == pytest.approx(right, rel=1e-4, abs=1e-6)
    assert "ulps" in found["apart"]
    assert found["off"] == "yours"
    assert "the derivative of the activation (relu) is missing" in found["likely"]
    assert found["also"] == "dense_1/bias_gradient"


def test_missing_mean_is_named(problem):
    _, gradients, _ = mine(*problem, wrong="no mean")
    with pytest.raises(AssertionError, match="not divided by the batch size 9"):
        assert_gradients_match(ARCHITECTURE, *problem, gradients)


def test_wrong_loss_fails(problem):
    loss, gradients, _ = mine(*problem)
    with pytest.raises(AssertionError, match="first at loss\n"):
        assert_gradients_match(ARCHITECTURE, *problem, gradients, loss=1.001 * loss)


def test_mistake_of_a_few_roundings_fails_in_float64():
    random = np.random.RandomState(0)
    weights = initial_weights(Architecture.from_dict(ARCHITECTURE), 1)
    x, y = random.randn(5, 3), np.ones((5, 1))
    loss, gradients, _ = mine(weights, x, y)
    gradients["dense_2/bias"] = gradients["dense_2/bias"] * (1 + 1e-12)
    with pytest.raises(AssertionError, match="dense_2/bias_gradient"):
        assert_gradients_match(ARCHITECTURE, weights, x, y, gradients, loss=loss)


def test_updated_weights_pass_and_fail(problem):
    weights = problem[0]
    loss, gradients, _ = mine(*problem)
    rate = weights["dense_1/kernel"].dtype.type(RATE)
    updated = {name: value - rate * gradients[name] for name, value in weights.items()}
    settings = {"name": "sgd", "learning_rate": RATE}
    assert_step_matches(
        ARCHITECTURE, *problem, updated, optimizer=settings, loss=loss, gradients=gradients
    )
    ascended = {name: value + rate * gradients[name] for name, value in weights.items()}
    with pytest.raises(AssertionError, match="ascent"):
        assert_step_matches(
            ARCHITECTURE, *problem, ascended, optimizer=SGD(RATE), gradients=gradients
        )


def adam(weights, gradients, slots, t, epsilon):
    """Adam as Keras has it, in the weights' dtype."""
    number = next(iter(weights.values())).dtype.type
    b1, b2 = number(np.float32(0.9)), number(np.float32(0.999))
    alpha = number(0.01) * np.sqrt(1 - b2**t) / (1 - b1**t)
    updated, new_slots = {}, {}
    for name, g in gradients.items():
        m = slots[f"{name}_momentum"] * number(0.9) + g * number(1 - 0.9)
        v = slots[f"{name}_velocity"] * number(0.999) + g * g * number(1 - 0.999)
        new_slots |= {f"{name}_momentum": m, f"{name}_velocity": v}
        updated[name] = weights[name] - alpha * m / (np.sqrt(v) + number(epsilon))
    return updated, new_slots


def test_slots_are_given_and_compared(problem):
    weights, x, y = problem
    _, gradients, _ = mine(*problem)
    slots = {
        f"{name}_{slot}": np.full_like(value, 1e-5)
        for name, value in weights.items()
        for slot in ("momentum", "velocity")
    }
    for epsilon in (1e-7, 1e-2):
        updated, new_slots = adam(weights, gradients, slots, 3, epsilon)

        def check(updated=updated, new_slots=new_slots):
            assert_step_matches(
                ARCHITECTURE,
                weights,
                x,
                y,
                updated,
                optimizer=Adam(0.01),
                gradients=gradients,
                slots=slots,
                iterations=2,
                updated_slots=new_slots,
            )

        if epsilon == 1e-7:
            check()
        else:
            with pytest.raises(AssertionError, match="kernel_updated"):
                check()


def adam_by(form, w, g, m, v, t):
    """Adam with a rate of 0.001 as somebody writes it, settings as Python numbers or rounded."""
    number = w.dtype.type
    b1, b2, rate, epsilon = 0.9, 0.999, 0.001, 1e-8 if form == "another epsilon" else 1e-7
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    share_1, share_2 = 1 - b1**t, 1 - b2**t
    if w.dtype == np.float64:  # to float32's digits this is Keras's on TensorFlow
        share_1, share_2 = (1 - number(np.float32(b)) ** t for b in (b1, b2))
    if form == "epsilon on the corrected root":
        return w - rate * (m / share_1) / (np.sqrt(v / share_2) + epsilon)
    if form == "corrected averages":
        own = epsilon / np.sqrt(share_2)
        return (w - rate * (m / share_1) / (np.sqrt(v / share_2) + own)).astype(w.dtype)
    return (w - rate * np.sqrt(share_2) / share_1 * m / (np.sqrt(v) + epsilon)).astype(w.dtype)


@pytest.mark.parametrize("iterations", [0, 9])
@pytest.mark.parametrize(
    ("form", "right"),
    [
        ("as in Keras", True),
        ("corrected averages", True),
        ("epsilon on the corrected root", False),
        ("another epsilon", False),
    ],
)
def test_an_update_is_judged_from_the_gradients_and_slots_that_are_given(
    problem, form, right, iterations
):
    # The rounding of a sum over 400 samples hides both mistakes, unless the sum is given.
    weights = {name: 3 * value for name, value in problem[0].items()}
    random = np.random.RandomState(3)
    dtype = weights["dense_1/kernel"].dtype
    problem = weights, *(a.astype(dtype) for a in (random.randn(400, 3), random.rand(400, 1) > 0.5))
    _, gradients, _ = mine(*problem)
    slots, updated = {}, {}
    for name, g in gradients.items():
        before = [np.zeros_like(g)] * 2 if iterations == 0 else [g, 1e-3 * g * g]
        slots[f"{name}_momentum"], slots[f"{name}_velocity"] = before
        updated[name] = adam_by(form, weights[name], g, *before, iterations + 1)
    given = {"optimizer": Adam(), "slots": slots, "iterations": iterations}
    if right:
        assert_step_matches(ARCHITECTURE, *problem, updated, gradients=gradients, **given)
        return
    with pytest.raises(AssertionError, match=r"_updated\[(?s:.)*likely  epsilon"):
        assert_step_matches(ARCHITECTURE, *problem, updated, gradients=gradients, **given)


def test_a_right_update_from_wrong_gradients_is_not_called_wrong(problem):
    weights = problem[0]
    _, gradients, _ = mine(*problem, wrong="no derivative")
    updated = {
        name: value - value.dtype.type(RATE) * gradients[name] for name, value in weights.items()
    }
    with pytest.raises(AssertionError, match="first at dense_1/kernel_gradient") as caught:
        assert_step_matches(
            ARCHITECTURE, *problem, updated, optimizer=SGD(RATE), gradients=gradients
        )
    assert "_updated" not in str(caught.value)


def test_a_training_is_measured_with_the_optimizer_of_its_backend(problem, monkeypatch):
    moved = []

    def stop(network, _x, _y, *, optimizer, **_):
        """Take two steps with a gradient of 1 and a rate of 1: w is -1, then -1 - 1.9."""
        network.parameters.values[...] = 0
        for _ in range(2):
            network.parameters.gradients[...] = 1
            optimizer.step()
        moved.append(float(network.parameters.values[0]))
        raise InterruptedError

    monkeypatch.setattr("scratchnet.training.fit", stop)
    weights, x, y = problem
    weights, x, y = (
        {name: value.astype("float64") for name, value in weights.items()},
        x.astype("float64"),
        y.astype("float64"),
    )
    architecture = ARCHITECTURE | {"backend": "jax"}
    with pytest.raises(InterruptedError):
        assert_training_matches(architecture, weights, x, y, [1.0], optimizer=SGD(1.0, 0.9))
    # On JAX a momentum of 0.9 keeps all its digits; through float32 the sum is -2.899999976.
    assert moved == [pytest.approx(-2.9, abs=1e-14)]


def train_mine(weights, x, y, epochs, rate=RATE):
    """Losses of plain gradient descent on the whole batch."""
    weights = {name: value.copy() for name, value in weights.items()}
    rate = weights["dense_1/kernel"].dtype.type(rate)
    losses = []
    for _ in range(epochs):
        loss, gradients, _ = mine(weights, x, y)
        losses.append(float(loss))
        for name, gradient in gradients.items():
            weights[name] -= rate * gradient
    return losses


def test_training_passes_and_fails(problem):
    losses = train_mine(*problem, epochs=30)
    assert_training_matches(ARCHITECTURE, *problem, losses, optimizer=SGD(RATE))
    slower = train_mine(*problem, epochs=30, rate=0.999 * RATE)
    with pytest.raises(
        AssertionError, match=r"loss differs from Keras's: first at epoch [1-3]\b"
    ) as caught:
        assert_training_matches(ARCHITECTURE, *problem, slower, optimizer=SGD(RATE))
    # Whether a step is at fault is not known here: only the losses were given.
    assert "if it passes, look between the steps" in str(caught.value)


def test_validation_loss_is_compared_too(problem):
    weights, x, y = problem
    held_out = x[:4] + 1, y[:4]
    losses = train_mine(*problem, epochs=2)
    history = {"loss": losses, "val_loss": [0.5, 0.5]}
    with pytest.raises(AssertionError, match="val_loss differs"):
        assert_training_matches(
            ARCHITECTURE, weights, x, y, history, optimizer=SGD(RATE), validation_data=held_out
        )
    with pytest.raises(ValueError, match="val_loss"):
        assert_training_matches(ARCHITECTURE, weights, x, y, history, optimizer=SGD(RATE))


def test_several_classes_and_class_numbers():
    architecture = Architecture(
        (2,), (Dense(3, "tanh"), Dense(3, "softmax")), "sparse_categorical_crossentropy"
    )
    weights = initial_weights(architecture, 5)
    random = np.random.RandomState(1)
    x, y = random.randn(7, 2), random.randint(0, 3, 7)
    a = np.tanh(x @ weights["dense_1/kernel"] + weights["dense_1/bias"])
    e = np.exp(a @ weights["dense_2/kernel"] + weights["dense_2/bias"])
    p = e / e.sum(axis=1, keepdims=True)
    dz2 = (p - np.eye(3)[y]) / 7
    dz1 = dz2 @ weights["dense_2/kernel"].T * (1 - a**2)
    gradients = {
        "dense_1/kernel": x.T @ dz1,
        "dense_1/bias": dz1.sum(axis=0),
        "dense_2/kernel": a.T @ dz2,
        "dense_2/bias": dz2.sum(axis=0),
    }
    loss = -np.log(p[range(7), y]).mean()
    assert_gradients_match(architecture, weights, x, y, gradients, loss=loss)
    gradients["dense_1/bias"] = dz1.sum(axis=0)[::-1]
    with pytest.raises(AssertionError, match="dense_1/bias_gradient"):
        assert_gradients_match(architecture, weights, x, y, gradients, loss=loss)


def test_what_does_not_fit_is_said_in_one_line(problem):
    weights, x, y = problem
    _, gradients, _ = mine(*problem)
    transposed = gradients | {"dense_1/kernel": gradients["dense_1/kernel"].T}
    with pytest.raises(AssertionError, match=r"gradients\['dense_1/kernel'\]: .*transposed"):
        assert_gradients_match(ARCHITECTURE, weights, x, y, transposed)
    with pytest.raises(ValueError, match="gradients: "):
        assert_gradients_match(ARCHITECTURE, weights, x, y, {})
    with pytest.raises(ValueError, match="weights: "):
        assert_gradients_match(ARCHITECTURE, {}, x, y, gradients)
    mixed = weights | {"dense_1/bias": weights["dense_1/bias"].astype(np.float16)}
    with pytest.raises(ValueError, match="float16"):
        assert_gradients_match(ARCHITECTURE, mixed, x, y, gradients)
    with pytest.raises(ValueError, match="activations: "):
        assert_gradients_match(ARCHITECTURE, weights, x, y, gradients, activations={"d": x})
    with pytest.raises(ValueError, match="slots: "):
        assert_step_matches(
            ARCHITECTURE, weights, x, y, weights, optimizer=SGD(), slots={"dense_1/kernel_m": x}
        )
    with pytest.raises(ValueError, match="history: "):
        assert_training_matches(ARCHITECTURE, weights, x, y, [], optimizer=SGD())
    with pytest.raises(ArchitectureError, match="layers is missing"):
        assert_gradients_match({"input_shape": [3]}, weights, x, y, gradients)


def test_not_a_number_fails(problem):
    _, gradients, _ = mine(*problem)
    gradients["dense_2/bias"] = np.full_like(gradients["dense_2/bias"], np.nan)
    with pytest.raises(AssertionError, match="yours   nan"):
        assert_gradients_match(ARCHITECTURE, *problem, gradients)

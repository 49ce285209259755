"""Networks in forms of their authors' own, taken as they are."""

import json
from pathlib import Path

import pytest

FORMS = Path(__file__).parent / "networks" / "forms"

RIGHT = {
    "object_lists": ("object", "weights in .weights[0], .biases[0], .weights[1], .biases[1]"),
    "object_dict_classes": ("object", "loss_and_grads(X, y) takes one step"),
    "object_columns": ("object", "weights in .first, .second"),
    "object_adam": ("object", "train_step(x, y) takes one step"),
    "functions_by_role": ("functions", "model_forward, compute_cost, model_backward"),
    "functions_apart": ("functions", "feed_forward, feed_backward"),
    "layer_classes": ("layers", "layer classes FullyConnected, Sigmoid"),
    "script": ("script", "weights in inner, outer; data in samples, labels"),
    "function_that_trains": ("function", "fit_model(), which trains: weights in W1, b1, W2, b2"),
    "estimator": ("function", "weights in self.w, self.b"),
    "one_at_a_time": ("object", "backprop(x, target, eta) takes one step"),
}


def source_of_form(name, old="", new=""):
    source = (FORMS / f"{name}.py").read_text()
    assert old in source
    return source.replace(old, new) if old else source


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_network_is_recognised_as_it_is_and_right(name, check):
    report = check(source_of_form(name))
    form, told = RIGHT[name]
    assert report.form == form
    assert told in report.found[0]
    assert report.verdict == "rounding"


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        ("object_lists", " * (1 - kept[i + 1])", "", "dense_2/kernel_gradient"),
        ("object_dict_classes", "        back[hidden <= 0] = 0\n", "", "dense_1/kernel_gradient"),
        ("object_dict_classes", "back.sum(0)", "back.mean(0)", "dense_1/bias_gradient"),
        ("object_columns", " * (1 - self.middle**2)", "", "dense_1/kernel_gradient"),
        ("object_adam", " * (self.seen[i] > 0)", "", "dense_1/kernel_gradient"),
        ("object_adam", "0.001 * g * g", "0.001 * abs(g)", "dense_2/kernel_gradient"),
        ("functions_by_role", "(1 - before**2)", "(1 - before)", "dense_1/kernel_gradient"),
        ("functions_by_role", "keepdims=True) / m", "keepdims=True)", "dense_2/bias_gradient"),
        ("functions_apart", "* (Z1 > 0)", "* (Z1 < 0)", "dense_1/kernel_gradient"),
        ("layer_classes", "* self.y * (1 - self.y)", "* (1 - self.y)", "dense_2/kernel_gradient"),
        ("script", "push @ outer.T", "missed @ outer.T", "dense_1/kernel_gradient"),
        ("function_that_trains", "* (1 - H * H)", "* (1 - H)", "dense_1/kernel_gradient"),
        ("estimator", "np.mean(p - y)", "np.sum(p - y)", "dense_1/bias_gradient"),
        ("one_at_a_time", "delta = delta * (1", "delta = (1", "dense_2/kernel_gradient"),
    ],
)
def test_a_mistake_is_found_in_the_authors_own_form(name, old, new, where, check):
    report = check(source_of_form(name, old, new))
    assert report.verdict == "divergent"
    first = report.first_divergence
    assert f"{first.layer}/{first.tensor}" == where


def test_the_network_is_read_from_its_numbers(check):
    report = check(source_of_form("object_dict_classes"))
    assert "relu, softmax, categorical crossentropy" in report.found[1]
    assert "targets as class numbers" in report.found[1]
    report = check(source_of_form("object_columns"))
    assert "tanh, linear, mean squared error, no bias; samples in columns" in report.found[1]


def test_half_a_sum_of_squares_is_a_choice_that_is_told_once(check):
    report = check(source_of_form("object_lists"))
    told = [remark for remark in report.remarks if "choice" in remark]
    assert len(told) == 1
    assert "the batch size times" in told[0]
    assert "your gradients belong to it" in told[0]


def test_a_gradient_that_does_not_belong_to_the_loss_is_the_mistake(check):
    source = source_of_form("object_lists", "0.5 * np.sum((", "np.sum((")
    report = check(source)
    assert report.verdict == "divergent"
    assert report.diagnosis.code == "factor_half"


def test_a_leaky_relu_that_is_right_by_itself_is_not_divergent(check):
    report = check(source_of_form("leaky"))
    assert report.verdict == "not judged"
    assert report.not_judged.code == "own_layers"
    report = check(source_of_form("leaky", "d * np.where(self.zs[i] > 0, 1, 0.1)", "d"))
    assert report.verdict == "divergent"


def test_a_loop_at_module_level_is_not_waited_for(check):
    # It goes round 10^9 times.
    assert check(source_of_form("script")).form == "script"


def test_a_notebook_counts_with_the_last_definition_of_each_name(check):
    cells = [
        ["%matplotlib inline\n", "import numpy as np\n", "!ls\n"],
        ["def act(v):\n", "    return np.cosh(v)\n"],
        ["def act(v):\n", "    return 1 / (1 + np.exp(-v))\n"],
        ["this is no Python\n"],
        [
            "class Net:\n",
            "    def __init__(self, sizes):\n",
            "        pairs = zip(sizes, sizes[1:])\n",
            "        self.w = [np.random.randn(*pair) for pair in pairs]\n",
            "    def train(self, x, y, lr):\n",
            "        h = act(x @ self.w[0])\n",
            "        p = act(h @ self.w[1])\n",
            "        d = (p - y) / p.size\n",
            "        back = d @ self.w[1].T * h * (1 - h)\n",
            "        self.w[1] -= lr * h.T @ d\n",
            "        self.w[0] -= lr * x.T @ back\n",
        ],
    ]
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    notebook["cells"].insert(1, {"cell_type": "markdown", "source": ["text"]})
    report = check(json.dumps(notebook), suffix=".ipynb")
    assert report.verdict == "rounding"
    assert "sigmoid, sigmoid, binary crossentropy" in report.found[1]


CASES = {
    "half": ("loss = 0.5 * np.mean(error**2)", "dz = error / error.size * p * (1 - p)"),
}


def handed(loss, dz, dh="dz @ w[f'{last}/kernel'].T * (z > 0)"):
    """A class that is handed architectures, and knows one: relu, sigmoid, the squared error."""
    return f"""
import numpy as np

class Net:
    def __init__(self, architecture, weights):
        layers = architecture["layers"]
        kinds = [layer["activation"] for layer in layers]
        if kinds != ["relu", "sigmoid"] or architecture["loss"] != "mean_squared_error":
            raise NotImplementedError(kinds)
        self.names, self.weights = [layer["name"] for layer in layers], weights

    def gradients(self, x, y):
        w, (first, last) = self.weights, self.names
        z = x @ w[f"{{first}}/kernel"] + w[f"{{first}}/bias"]
        h = np.maximum(z, 0)
        p = 1 / (1 + np.exp(-(h @ w[f"{{last}}/kernel"] + w[f"{{last}}/bias"])))
        error = p - y
        {loss}
        {dz}
        dh = {dh}
        return loss, {{
            f"{{last}}/kernel": h.T @ dz, f"{{last}}/bias": dz.sum(axis=0),
            f"{{first}}/kernel": x.T @ dh, f"{{first}}/bias": dh.sum(axis=0),
        }}
"""


def test_half_of_keras_loss_is_a_choice_in_the_class_form_too(check):
    report = check(handed(*CASES["half"]))
    assert report.verdict == "rounding"
    assert any("half of Keras's" in remark for remark in report.remarks)


def test_a_choice_does_not_hide_a_mistake(check):
    undifferentiated = "(error / error.size) @ w[f'{last}/kernel'].T * (z > 0)"
    report = check(handed(*CASES["half"], undifferentiated))
    assert report.verdict == "divergent"
    first = report.first_divergence
    assert (first.layer, first.tensor) == ("dense_1", "kernel_gradient")


def test_a_network_with_one_architecture_is_judged_on_that(check):
    source = handed(*CASES["half"]).replace('["relu", "sigmoid"]', '["tanh", "sigmoid"]')
    source = source.replace("np.maximum(z, 0)", "np.tanh(z)").replace("(z > 0)", "(1 - h * h)")
    report = check(source)
    assert report.verdict == "rounding"
    assert "tanh sigmoid" in report.cases[0].observation.case.shape


def test_two_expressions_stand_for_an_adapter(check):
    expressions = {"make": "Columns(4, 6, 3)", "step": "net.rate = lr; net.learn(x, y)"}
    report = check(source_of_form("object_columns"), expressions=expressions)
    assert report.form == "expressions"
    assert report.verdict == "rounding"


ADAM = """
    def train_step(self, x, y, learning_rate):
        loss, gradients = self.gradients(x, y)
        self.t = getattr(self, "t", 0) + 1
        if self.t == 1:
            self.m = dict.fromkeys(gradients, 0.0)
            self.v = dict.fromkeys(gradients, 0.0)
        rate = learning_rate * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        for name, gradient in gradients.items():
            self.m[name] = 0.9 * self.m[name] + 0.1 * gradient
            self.v[name] = 0.999 * self.v[name] + 0.001 * gradient**2
            step = rate * self.m[name] / (np.sqrt(self.v[name]) + 1e-7)
            self.weights[name] = self.weights[name] - step
"""


def test_adam_in_a_step_is_no_divergence_unless_it_forgets(check):
    right = handed("loss = np.mean(error**2)", "dz = 2 * error / error.size * p * (1 - p)") + ADAM
    report = check(right)
    assert report.verdict == "rounding"
    assert any("as Adam" in remark for remark in report.remarks)
    report = check(right.replace("if self.t == 1:", "if True:"))
    assert report.verdict == "divergent"
    assert report.first_divergence.tensor == "kernel_updated"


ONLY_PREDICTS = """
import numpy as np

class Network:
    def __init__(self):
        self.rules = []

    def add(self, rule):
        self.rules.append(rule)

    def predict(self, x):
        output = np.zeros((4, 1))
        for row in range(3):
            output = output + row
        return output

    def evaluate(self, x, y):
        predictions = np.ones((x.shape[1], y.shape[1]))
        right = 0
        for row in range(len(x)):
            predictions = predictions * 1.0
            right += int(predictions[0, 0] == y[row, 0])
        return right / len(x)
"""


def test_a_loop_that_only_predicts_or_counts_is_not_judged(check):
    report = check(ONLY_PREDICTS)
    assert report.not_judged
    assert report.verdict not in ("rounding", "divergent")

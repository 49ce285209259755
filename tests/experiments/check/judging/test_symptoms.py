"""What a network does instead of answering, or besides."""

FORWARD = "    A_curr = X\n"


def test_an_exception_is_a_finding_with_the_users_line(check, network_source):
    source = network_source(
        "article_network", ("    m = A_prev.shape[1]\n", "    m = undefined_name\n")
    )
    report = check(source)
    assert report.verdict == "divergent"
    assert report.diagnosis.code == "raised"
    line = source.splitlines().index("    m = undefined_name") + 1
    assert f"NameError in line {line}" in report.diagnosis.sentence
    assert report.diagnosis.sentence.startswith("full_backward_propagation")
    # It is told once, not once more for every hard input.
    assert not any("undefined_name" in remark for remark in report.remarks)


def test_a_nan_is_named_with_its_tensor(check, network_source):
    report = check(
        network_source("article_network", ("return dA * S * (1 - S)", "return dA * S * np.nan"))
    )
    assert report.diagnosis.code == "not_finite"
    assert report.first_divergence.tensor == "kernel_gradient"
    assert report.to_json()["first_divergence"]["ours"] == "nan"


def test_a_prediction_of_the_wrong_shape_is_named(check, network_source):
    report = check(
        network_source("article_network", ("return A_curr, memory", "return A_curr[:, :1], memory"))
    )
    first = report.first_divergence
    assert (first.layer, first.tensor, first.index) == ("dense_5", "activation", None)
    assert report.diagnosis.code == "wrong_shape"
    assert "(1, 1)" in report.diagnosis.sentence
    assert "(1, 7)" in report.diagnosis.sentence


def test_text_for_a_number_is_named(check, network_source):
    report = check(network_source("article_network", ("return np.squeeze(cost)", "return 'low'")))
    assert report.diagnosis.code == "wrong_type"
    assert report.first_divergence.layer == "loss"


def test_an_input_changed_in_place_is_named_by_function_and_argument(check, network_source):
    report = check(
        network_source("article_network", (FORWARD, "    X *= 1\n    X += 1\n" + FORWARD))
    )
    assert report.diagnosis.code == "inputs_changed"
    assert any("full_forward_propagation changes X in place" in r for r in report.remarks)


def test_a_change_in_place_that_spoils_nothing_is_a_remark(check, network_source):
    # The targets are whole numbers, which rounding leaves as they are; the zero gets a sign.
    report = check(
        network_source(
            "article_network",
            (
                "    Y = Y.reshape(Y_hat.shape)\n",
                "    Y += 1\n    Y -= 1\n    X = memory['A0']\n    X += 0.0\n",
            ),
        )
    )
    assert report.verdict == "rounding"


def test_probabilities_overwritten_by_the_accuracy_are_blamed(check, network_source):
    report = check(
        network_source(
            "article_network",
            (
                "return (probs > 0.5).astype(probs.dtype)",
                "probs[probs > 0.5] = 1\n    probs[probs <= 0.5] = 0\n    return probs",
            ),
        )
    )
    assert report.verdict == "divergent"
    assert "get_accuracy_value changes Y_hat in place" in report.diagnosis.sentence


def test_gradients_under_other_names_are_told_by_name(check, network_source):
    source = network_source(
        "article_network",
        ('grads_values[f"db{number}"] = db', 'grads_values[f"db{number - 1}"] = db'),
    )
    report = check(source)
    assert report.verdict == "divergent"
    assert report.diagnosis.code == "wrong_names"
    assert "returns db0 to db4; expected db1 to db5" in report.diagnosis.sentence
    assert (report.first_divergence.layer, report.first_divergence.tensor) == (
        "dense_5",
        "bias_gradient",
    )
    # Whoever reads them under the same names is right all the same.
    reading = 'learning_rate * grads_values[f"db{number}"]'
    assert reading in source
    report = check(source.replace(reading, 'learning_rate * grads_values[f"db{number - 1}"]'))
    assert report.verdict == "rounding"


def test_a_missing_update_is_told_and_forgiven(check, network_source):
    report = check(
        network_source(
            "article_network", ("def update", "def _update"), ("def train", "def _train")
        )
    )
    assert report.verdict == "rounding"
    assert "not found: update, train" in report.found


def test_a_function_that_needs_more_is_left_out_and_told(check, network_source):
    report = check(
        network_source(
            "article_network",
            ("def get_cost_value(Y_hat, Y)", "def get_cost_value(Y_hat, Y, penalty)"),
        )
    )
    assert report.verdict == "rounding"
    assert any("get_cost_value (needs 'penalty' too)" in line for line in report.found)


def test_a_cost_of_shape_1_1_is_a_remark(check, network_source):
    report = check(network_source("article_network", ("return np.squeeze(cost)", "return cost")))
    assert report.verdict == "rounding"
    assert any("get_cost_value gives shape (1, 1) for the loss" in r for r in report.remarks)


def test_float32_inside_is_a_remark(check, network_source):
    single = (
        "    A_curr = X.astype(np.float32)\n"
        "    params_values = {k: v.astype(np.float32) for k, v in params_values.items()}\n"
    )
    report = check(network_source("article_network", (FORWARD, single)))
    assert report.verdict == "rounding"
    assert any("computes in float32 inside" in remark for remark in report.remarks)


def test_comparing_strings_by_identity_is_a_remark(check, network_source):
    source = network_source("article_network", ('activation == "relu"', 'activation is "relu"'))
    report = check(source)
    assert report.verdict == "rounding"
    lines = [n for n, text in enumerate(source.splitlines(), 1) if ' is "relu"' in text]
    assert any(f"line {lines[0]}, {lines[1]}" in remark for remark in report.remarks)


def test_saturated_outputs_are_a_remark_with_the_usual_cure(check, network_source):
    report = check(network_source("article_network"))
    assert report.verdict == "rounding"
    costs = [remark for remark in report.remarks if remark.startswith("the cost is nan")]
    assert len(costs) == 1
    assert "log(0)" in costs[0]
    assert "clip" in costs[0]


def test_a_network_from_logits_is_robust(check, network_source):
    assert check(network_source("from_logits")).remarks == []


def test_a_network_that_knows_only_some_activations_is_judged_on_those(check, network_source):
    report = check(
        network_source(
            "my_network",
            (
                '    if name == "tanh":\n        return np.tanh(z)\n',
                '    if name == "tanh":\n        raise ValueError("no tanh yet")\n',
            ),
        )
    )
    assert report.verdict == "rounding"
    assert any("not known to it" in line and "tanh" in line for line in report.found)


def test_a_network_that_refuses_without_a_word_is_told_what_it_refused(check, network_source):
    refusing = 'if not layer["use_bias"]:\n                raise NotImplementedError'
    report = check(
        network_source(
            "my_network",
            ('if layer["use_bias"]:\n                z = ', f"{refusing}\n            z = "),
        )
    )
    assert report.verdict == "rounding"
    assert "not known to it, so not tried: layers without a bias" in report.found


def test_several_changed_arguments_are_listed(check, network_source):
    backward = "    grads_values = {}\n"
    changing = backward + "    for value in params_values.values():\n        value += 1\n"
    report = check(network_source("article_network", (backward, changing)))
    told = "full_backward_propagation changes W1, b1, W2, b2, W3, b3, W4, b4, W5, b5 in place"
    assert told in report.remarks


def test_a_clipped_probability_is_a_remark(check, network_source):
    clipped = "return np.clip(1 / (1 + np.exp(-z)), 1e-7, 1 - 1e-7)"
    report = check(network_source("my_network", ("return 1 / (1 + np.exp(-z))", clipped)))
    assert report.verdict == "rounding"
    told = [remark for remark in report.remarks if "probabilities are" in remark]
    assert len(told) == 1
    assert told[0].startswith("the prediction is 0.9999999 on")
    # It is the prediction that is clipped, and not the logarithm.
    assert not any("logarithm" in remark for remark in report.remarks)


def test_what_is_off_anyway_is_not_blamed_for_finite_values_on_hard_inputs(check, network_source):
    passed_back = 'da = dz @ self.weights[f"{name}/kernel"].T'
    for patch in (
        (passed_back, f"{passed_back} / 2"),
        ("loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))", "loss = np.mean((p - y)**2)"),
    ):
        report = check(network_source("my_network", patch))
        assert report.verdict == "divergent"
        assert not any("saturated output" in remark for remark in report.remarks)
        assert not any("logarithm" in remark for remark in report.remarks)


def test_a_gradient_that_is_only_rounded_is_not_called_smaller(check, network_source):
    weights = "self.weights = {k: np.float32(v) for k, v in weights.items()}"
    targets = "        y = y if y.dtype.kind == 'i' else np.float32(y)\n"
    gradients = "    def gradients(self, x, y):\n"
    report = check(
        network_source(
            "from_logits",
            ("self.weights = dict(weights)", weights),
            ("        saved = []\n", "        saved, x = [], np.float32(x)\n"),
            (gradients, gradients + targets),
        )
    )
    assert report.verdict == "rounding"
    assert not any("saturated output" in remark for remark in report.remarks)

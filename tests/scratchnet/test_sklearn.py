"""The estimators do what scikit-learn asks of one, and what its own network does."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from scratchnet.sklearn import ScratchClassifier, ScratchRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("estimator", [ScratchClassifier, ScratchRegressor])
def test_it_passes_the_checks_of_scikit_learn(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator(max_iter=60), on_fail=None, on_skip=None)
    passed = [r["check_name"] for r in results if r["status"] == "passed"]
    assert not [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")]
    assert len(passed) > 40


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_it_works_in_a_pipeline_a_grid_search_and_cross_validation(iris):
    x, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    network = ScratchClassifier((8,), learning_rate_init=0.02, max_iter=60, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    search = GridSearchCV(pipeline, {"scratchclassifier__activation": ["tanh", "relu"]}, cv=3)
    search.fit(x, names)
    assert search.best_score_ > 0.9
    assert set(search.predict(x)) == set(names)
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.9


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_the_same_weights_give_the_probabilities_of_mlp_classifier(iris, classes, activation):
    x, y = (values[iris[1] < classes] for values in iris)
    settings = {"activation": activation, "max_iter": 3, "random_state": 0}
    ours = ScratchClassifier((5, 4), **settings).fit(x, y)
    theirs = MLPClassifier((5, 4), **settings).fit(x, y)
    theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=1e-10)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    np.testing.assert_allclose(ours.predict_proba(x).sum(1), 1, rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_step_from_the_same_weights_is_that_of_mlp_classifier(iris, solver):
    # The whole data in a batch, so that the penalty and the loss are over the same samples.
    x, y = (values[iris[1] < 2] for values in iris)
    settings = {
        "solver": solver,
        "alpha": 0.1,
        "learning_rate_init": 0.05,
        "batch_size": len(x),
        "shuffle": False,
        "random_state": 0,
    }
    theirs = MLPClassifier((5,), max_iter=1, **settings).partial_fit(x, y, classes=[0, 1])
    ours = ScratchClassifier((5,), **settings).partial_fit(x, y, classes=[0, 1])
    start = dict(
        zip(
            ours.network_.weights,
            [v for pair in zip(theirs.coefs_, theirs.intercepts_, strict=True) for v in pair],
            strict=True,
        )
    )
    ours.network_.set_weights(start)
    # Both have taken a step, so both have moments; new ones are as good on both sides.
    again = MLPClassifier((5,), warm_start=True, max_iter=1, **settings)
    again.partial_fit(x, y, classes=[0, 1])
    again.coefs_ = [value.copy() for value in theirs.coefs_]
    again.intercepts_ = [value.copy() for value in theirs.intercepts_]
    again._optimizer = type(again._optimizer)(
        again.coefs_ + again.intercepts_, learning_rate_init=0.05
    )
    again.partial_fit(x, y)
    ours._state = type(ours._state)(ours._optimizer(), ours.network_.parameters)
    ours.partial_fit(x, y)
    # Keras holds beta_2 in float32: 1 - beta_2, and so a step, is off by 1e-5 of itself.
    for one, other in zip(ours.coefs_, again.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=0.05 * 1e-5)


def test_going_on_by_parts_is_training():
    x, y = load_iris(return_X_y=True)
    network = ScratchClassifier((8,), learning_rate_init=0.02, random_state=0)
    for _ in range(80):
        network.partial_fit(x, y, classes=[0, 1, 2])
    assert network.n_iter_ == len(network.loss_curve_) == 80
    assert network.score(x, y) > 0.9


def test_a_regressor_learns_what_mlp_regressor_learns():
    random = np.random.RandomState(0)
    x = random.randn(300, 3)
    y = np.stack([x[:, 0] - 2 * x[:, 1], np.sin(x[:, 2])], axis=1)
    settings = {"learning_rate_init": 0.01, "max_iter": 300, "random_state": 0}
    ours = ScratchRegressor((30,), **settings).fit(x, y)
    assert ours.predict(x).shape == (300, 2)
    assert ours.score(x, y) > 0.95 * MLPRegressor(hidden_layer_sizes=(30,), **settings).fit(
        x, y
    ).score(x, y)
    assert ScratchRegressor((30,), **settings).fit(x, y[:, 0]).predict(x).shape == (300,)


def test_training_ends_when_the_loss_stands_still():
    x, y = load_iris(return_X_y=True)
    still = ScratchClassifier((4,), learning_rate_init=0.0, n_iter_no_change=3, shuffle=False)
    assert still.fit(x, y).n_iter_ == 5
    early = ScratchClassifier((4,), early_stopping=True, max_iter=400, random_state=0).fit(x, y)
    assert len(early.validation_scores_) == early.n_iter_
    with pytest.warns(ConvergenceWarning, match="max_iter = 2"):
        ScratchClassifier((4,), max_iter=2, tol=0.0).fit(x, y)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "gelu"}, "activation = 'gelu'; expected one of identity, logistic"),
        ({"solver": "lbfgs"}, "solver = 'lbfgs'; expected one of adam, sgd"),
        ({"max_iter": 0}, "max_iter = 0; expected an integer of at least 1"),
        ({"alpha": -1}, "alpha = -1; expected a number"),
        ({"batch_size": "all"}, "batch_size = 'all'; expected 'auto' or"),
        ({"early_stopping": True, "validation_fraction": 1.5}, "validation_fraction = 1.5"),
    ],
)
def test_a_wrong_argument_is_named(iris, settings, words):
    with pytest.raises(ValueError, match=words):
        ScratchClassifier(**settings).fit(*iris)


def test_labels_that_were_not_told_are_named(iris):
    x, y = iris
    with pytest.raises(ValueError, match=r"y holds (np.int64\()?2"):
        ScratchClassifier((3,)).partial_fit(x, y, classes=[0, 1])

"""scikit-learn estimators that train a network by hand: for pipelines, grid searches, and scores.

Their arguments are those of ``sklearn.neural_network.MLPClassifier``, where they mean the same.
This is the one file of `scratchnet` that needs scikit-learn.
"""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from scratchnet.architecture import Architecture
from scratchnet.history import History
from scratchnet.layers import Dense
from scratchnet.network import Network
from scratchnet.optimizers import SGD, Adam, Optimizer, OptimizerState
from scratchnet.regularizers import L2
from scratchnet.training import evaluate, fit
from scratchnet.types import Array

_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_SOLVERS = ("adam", "sgd")


class _ScratchEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: arguments, training and stopping."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    @property
    def coefs_(self) -> list[Array]:
        """The kernels, ``(inputs, units)``, from the first layer on."""
        check_is_fitted(self)
        return [v for name, v in self.network_.weights.items() if name.endswith("/kernel")]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases, ``(units,)``, from the first layer on."""
        check_is_fitted(self)
        return [v for name, v in self.network_.weights.items() if name.endswith("/bias")]

    def _check_arguments(self) -> None:
        """Refuse what cannot be meant, with the name of the argument.

        Raises
        ------
        ValueError
            If an argument is wrong.
        """
        for name, value, known in (
            ("activation", self.activation, tuple(_ACTIVATIONS)),
            ("solver", self.solver, _SOLVERS),
        ):
            if value not in known:
                raise ValueError(f"{name} = {value!r}; expected one of {', '.join(known)}")
        for name in ("max_iter", "n_iter_no_change"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or int(value) < 1:
                raise ValueError(f"{name} = {value!r}; expected an integer of at least 1")
        for name in ("alpha", "tol"):
            value = getattr(self, name)
            if not np.isscalar(value) or not np.float64(value) >= 0:
                raise ValueError(f"{name} = {value!r}; expected a number of at least 0")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction = {self.validation_fraction!r}; expected a number between 0 "
                "and 1"
            )
        whole = isinstance(self.batch_size, Integral) and int(self.batch_size) >= 1
        if self.batch_size != "auto" and not whole:
            raise ValueError(
                f"batch_size = {self.batch_size!r}; expected 'auto' or an integer of at least 1"
            )

    def _optimizer(self) -> Optimizer:
        if self.solver == "sgd":
            nesterov = bool(self.nesterovs_momentum and self.momentum > 0)
            return SGD(self.learning_rate_init, momentum=self.momentum, nesterov=nesterov)
        return Adam(
            self.learning_rate_init, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon
        )

    def _begin(self, x: Array, units: int, last: str, loss: str, batch_size: int) -> None:
        """Make the network and its optimizer."""
        sizes = self.hidden_layer_sizes
        hidden = [sizes] if isinstance(sizes, Integral) else list(sizes)
        # MLPClassifier adds alpha / 2 times the sum of squares, divided by the size of a batch.
        penalty = L2(0.5 * self.alpha / batch_size) if self.alpha else None
        layers = [
            Dense(int(n), _ACTIVATIONS[self.activation], kernel_regularizer=penalty) for n in hidden
        ]
        layers.append(Dense(units, last, kernel_regularizer=penalty))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.network_ = Network(
            Architecture((x.shape[1],), tuple(layers), loss), seed=seed, dtype=x.dtype.name
        )
        self._state = OptimizerState(self._optimizer(), self.network_.parameters)
        self._seed = seed
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.n_iter_ = 0
        self.t_ = 0

    def _train(self, x: Array, targets: Array, last: str, loss: str, *, goes_on: bool) -> None:
        """Train until the loss, with early stopping that of the held-out part, stands still."""
        self._check_arguments()
        kept = len(x)
        if self.early_stopping:
            order = np.random.RandomState(0).permutation(kept)
            x, targets = x[order], targets[order]
            kept = max(1, int(kept * (1 - self.validation_fraction)))
        size = self._size_of_batches(kept)
        if not goes_on:
            self._begin(x, targets.shape[1], last, loss, size)
        best, worse = np.inf, 0
        best_weights = self.network_.weights
        x, held_x = x[:kept], x[kept:]
        targets, held_targets = targets[:kept], targets[kept:]

        def stop(_: int, history: History) -> bool:
            nonlocal best, worse, best_weights
            value = history.loss[-1]
            self.loss_curve_.append(value)
            if self.early_stopping and len(held_x):
                value, score = evaluate(self.network_, held_x, held_targets)
                assert self.validation_scores_ is not None
                self.validation_scores_.append(score)
            worse = 0 if value < best - self.tol else worse + 1
            if value < best:
                best = value
                if self.early_stopping:
                    best_weights = self.network_.weights
            return worse > self.n_iter_no_change

        history = fit(
            self.network_,
            x,
            targets,
            optimizer=self._state,
            epochs=self.max_iter,
            batch_size=size,
            shuffle_seed=self._seed if self.shuffle else None,
            on_epoch_end=stop,
        )
        if self.early_stopping:
            self.network_.set_weights(best_weights)
        self._count(history, kept)
        if len(history.loss) == self.max_iter and worse <= self.n_iter_no_change:
            warnings.warn(
                f"max_iter = {self.max_iter} epochs are over, and the loss still improves",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _train_once(self, x: Array, targets: Array, last: str, loss: str) -> None:
        """Go once through the samples."""
        self._check_arguments()
        size = self._size_of_batches(len(x))
        if not hasattr(self, "network_"):
            self._begin(x, targets.shape[1], last, loss, size)
        history = fit(
            self.network_,
            x,
            targets,
            optimizer=self._state,
            epochs=self.n_iter_ + 1,
            initial_epoch=self.n_iter_,
            batch_size=size,
            shuffle_seed=self._seed if self.shuffle else None,
        )
        self.loss_curve_ += history.loss
        self._count(history, len(x))

    def _size_of_batches(self, samples: int) -> int:
        return min(200 if self.batch_size == "auto" else int(self.batch_size), samples)

    def _count(self, history: History, samples: int) -> None:
        self.n_iter_ += len(history.loss)
        self.t_ += len(history.loss) * samples
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = min(self.loss_curve_)
        self.n_layers_ = len(self.network_.architecture.layers) + 1
        self.n_outputs_ = self.network_.architecture.units
        self.out_activation_ = self.network_.architecture.last_activation

    def _outputs(self, x: ArrayLike) -> Array:
        check_is_fitted(self)
        checked = validate_data(self, x, dtype=self.network_.dtype, reset=False)
        return self.network_.predict(checked)


class ScratchClassifier(ClassifierMixin, _ScratchEstimator):  # type: ignore[misc]
    """A classifier of dense layers, with the arguments of ``sklearn.neural_network.MLPClassifier``.

    Two classes end in one sigmoid with binary cross-entropy, more in a softmax with categorical
    cross-entropy. Weights begin as Keras's (Glorot uniform), so that its numbers are not those of
    ``MLPClassifier``.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate_init, max_iter
        As in ``MLPClassifier``; `solver` is ``"adam"`` or ``"sgd"``.
    shuffle, random_state, tol, warm_start, momentum, nesterovs_momentum, early_stopping
        As in ``MLPClassifier``.
    validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change
        As in ``MLPClassifier``; early stopping looks at the validation loss and keeps the best
        weights.

    Attributes
    ----------
    classes_
        The labels, sorted.
    network_
        The `scratchnet.Network`.
    loss_curve_
        The loss of every epoch.
    coefs_, intercepts_
        Kernels and biases.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on samples ``(samples, features)`` and their labels ``(samples,)``."""
        goes_on = self.warm_start and hasattr(self, "network_")
        x, labels = validate_data(
            self, X, y, dtype=(np.float64, np.float32), reset=not goes_on, ensure_min_samples=2
        )
        targets = self._targets(labels, None, keep=goes_on)
        self._train(x, targets, *self._ending(), goes_on=goes_on)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Go once through some samples; the first call names all classes."""
        first = not hasattr(self, "network_")
        x, labels = validate_data(self, X, y, dtype=(np.float64, np.float32), reset=first)
        targets = self._targets(labels, classes, keep=not first)
        self._train_once(x, targets, *self._ending())
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class, ``(samples, classes)``."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: Array = np.log(self.predict_proba(X))
        return logarithms

    def predict(self, X: ArrayLike) -> Any:
        """Return the likeliest class of each sample."""
        probabilities = self.predict_proba(X)
        return self.classes_[np.argmax(probabilities, axis=1)]

    def _ending(self) -> tuple[str, str]:
        if len(self.classes_) > 2:
            return "softmax", "categorical_crossentropy"
        return "sigmoid", "binary_crossentropy"

    def _targets(self, labels: Any, classes: ArrayLike | None, *, keep: bool) -> Array:
        check_classification_targets(labels)
        if labels.ndim == 2:
            raise ValueError("y has several columns; expected one label for each sample")
        if not keep:
            self.classes_ = np.unique(labels if classes is None else np.asarray(classes))
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(f"y holds {unknown[0]!r}; expected one of {self.classes_.tolist()}")
        if len(self.classes_) < 2:
            raise ValueError("y holds 1 class; expected at least two classes")
        targets = LabelBinarizer().fit(self.classes_).transform(labels)
        return np.asarray(targets, np.float64)


class ScratchRegressor(RegressorMixin, _ScratchEstimator):  # type: ignore[misc]
    """A regressor of dense layers, with the arguments of ``sklearn.neural_network.MLPRegressor``.

    Linear outputs, and the mean squared error as Keras has it: not halved, as in ``MLPRegressor``.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate_init, max_iter
        See `ScratchClassifier`.
    shuffle, random_state, tol, warm_start, momentum, nesterovs_momentum, early_stopping
        See `ScratchClassifier`.
    validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change
        See `ScratchClassifier`.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on samples ``(samples, features)`` and ``(samples,)`` or ``(samples, outputs)``."""
        goes_on = self.warm_start and hasattr(self, "network_")
        x, targets = self._checked(X, y, reset=not goes_on)
        self._train(x, targets, "linear", "mean_squared_error", goes_on=goes_on)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Go once through some samples."""
        x, targets = self._checked(X, y, reset=not hasattr(self, "network_"))
        self._train_once(x, targets, "linear", "mean_squared_error")
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return ``(samples,)``, or ``(samples, outputs)`` where there are several."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs

    def _checked(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[Array, Array]:
        x, targets = validate_data(
            self,
            X,
            y,
            dtype=(np.float64, np.float32),
            multi_output=True,
            y_numeric=True,
            reset=reset,
        )
        self._flat = targets.ndim == 1
        return x, targets.reshape(len(targets), -1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

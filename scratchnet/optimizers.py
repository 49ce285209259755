"""Optimizers with Keras's exact update rules, applied to the whole arena at once.

An `Optimizer` is a frozen description with its rule, `apply`. `OptimizerState` is one at work on
a network: it keeps the slots (one array per slot, as long as the arena) and counts the updates.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from scratchnet.conventions import CONVENTIONS
from scratchnet.errors import ArchitectureError, check_choice, check_keys
from scratchnet.parameters import Parameters
from scratchnet.types import Array

# An update goes over the arena in pieces, so that weights, gradients and slots stay in the cache.
_PIECE = 32768


@dataclass(frozen=True)
class Optimizer(ABC):
    """Description of an optimizer.

    Attributes
    ----------
    name
        Keras's name for it, in lower case.
    slots
        Names of its slots, as in Keras.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type == "bool":
                if not isinstance(value, bool):
                    raise ArchitectureError(f"{field.name} = {value!r}; expected true or false")
                continue
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value < np.inf:
                raise ArchitectureError(f"{field.name} = {value!r}; expected a number >= 0")
            is_decay = field.name in ("momentum", "rho") or field.name.startswith("beta")
            if is_decay and not value < 1:
                raise ArchitectureError(f"{field.name} = {value!r}; expected a number in [0, 1)")

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays it keeps beside the weights."""

    @abstractmethod
    def apply(
        self,
        weights: Array,
        gradients: Array,
        slots: Mapping[str, Array],
        constants: Mapping[str, Array],
        scratch: Array,
    ) -> None:
        """Update `weights` and `slots` in place.

        Parameters
        ----------
        weights, gradients
            A piece of each arena, shape ``(n,)``; gradients are left as they are.
        slots
            The same piece of each slot.
        constants
            What `constants` returned, rounded to the weights' dtype.
        scratch
            ``(2, n)``.
        """

    def constants(
        self,
        iteration: int,  # noqa: ARG002
        dtype: np.dtype[Any],  # noqa: ARG002
        cast: Callable[[float], float],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the numbers that update number `iteration` (from 1) uses.

        Parameters
        ----------
        iteration
            From 1.
        dtype
            In which what depends on the iteration is computed.
        cast
            What ``keras.ops.cast`` makes of a setting, see `scratchnet.conventions.Conventions`.
        """
        return {name: value for name, value in vars(self).items() if not isinstance(value, bool)}

    @property
    def constants_change(self) -> bool:
        """Whether `constants` depends on the iteration."""
        return False


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted (``keras.optimizers.SGD``).

    Without momentum::

        w = w - learning_rate * g

    with momentum, the learning rate being inside the velocity::

        m = momentum * m - learning_rate * g
        w = w + m                                   (nesterov: w + momentum * m - learning_rate * g)
    """

    name: ClassVar[str] = "sgd"

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """``momentum``, if there is any."""
        return ("momentum",) if self.momentum else ()

    def constants(
        self, iteration: int, dtype: np.dtype[Any], cast: Callable[[float], float]
    ) -> dict[str, Any]:
        """Round the momentum as Keras does."""
        return super().constants(iteration, dtype, cast) | {"momentum": cast(self.momentum)}

    def apply(
        self,
        weights: Array,
        gradients: Array,
        slots: Mapping[str, Array],
        constants: Mapping[str, Array],
        scratch: Array,
    ) -> None:
        """Update one piece of the arena."""
        step, ahead = scratch
        np.multiply(gradients, constants["learning_rate"], out=step)
        if not self.momentum:
            np.subtract(weights, step, out=weights)
            return
        m = slots["momentum"]
        np.multiply(m, constants["momentum"], out=m)
        np.subtract(m, step, out=m)
        if self.nesterov:
            np.multiply(m, constants["momentum"], out=ahead)
            np.subtract(ahead, step, out=ahead)
            np.add(weights, ahead, out=weights)
        else:
            np.add(weights, m, out=weights)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Steps divided by a running root mean square (``keras.optimizers.RMSprop``).

    ::

        v = rho * v + (1 - rho) * g^2
        w = w - learning_rate * g / sqrt(v + epsilon)        epsilon is inside the root
    """

    name: ClassVar[str] = "rmsprop"

    learning_rate: float = 0.001
    rho: float = 0.9
    epsilon: float = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """``velocity``."""
        return ("velocity",)

    def constants(
        self, iteration: int, dtype: np.dtype[Any], cast: Callable[[float], float]
    ) -> dict[str, Any]:
        """Add 1 - rho, subtracted before it is rounded, as in Keras."""
        return super().constants(iteration, dtype, cast) | {"one_minus_rho": 1 - self.rho}

    def apply(
        self,
        weights: Array,
        gradients: Array,
        slots: Mapping[str, Array],
        constants: Mapping[str, Array],
        scratch: Array,
    ) -> None:
        """Update one piece of the arena."""
        step, root = scratch
        v = slots["velocity"]
        np.multiply(gradients, gradients, out=step)
        np.multiply(step, constants["one_minus_rho"], out=step)
        np.multiply(v, constants["rho"], out=v)
        np.add(v, step, out=v)
        np.add(v, constants["epsilon"], out=root)
        np.sqrt(root, out=root)
        np.multiply(gradients, constants["learning_rate"], out=step)
        np.divide(step, root, out=step)
        np.subtract(weights, step, out=weights)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments (Kingma & Ba 2015, section 2's last form; ``keras.optimizers.Adam``).

    With t the number of the update, from 1::

        alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
        m = m + (g - m) * (1 - beta_1)
        v = v + (g^2 - v) * (1 - beta_2)
        w = w - alpha * m / (sqrt(v) + epsilon)              epsilon is outside the root
    """

    name: ClassVar[str] = "adam"

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """``momentum`` (m) and ``velocity`` (v)."""
        return ("momentum", "velocity")

    @property
    def constants_change(self) -> bool:
        """Alpha depends on the iteration."""
        return True

    def constants(
        self, iteration: int, dtype: np.dtype[Any], cast: Callable[[float], float]
    ) -> dict[str, Any]:
        """Add alpha, computed in `dtype` from rounded settings as Keras does, and 1 - beta."""
        rate, beta_1, beta_2 = (
            dtype.type(value)
            for value in (
                self.learning_rate,
                cast(self.beta_1),
                cast(self.beta_2),
            )
        )
        one, t = dtype.type(1), dtype.type(iteration)
        return super().constants(iteration, dtype, cast) | {
            "alpha": rate * np.sqrt(one - beta_2**t) / (one - beta_1**t),
            "one_minus_beta_1": 1 - self.beta_1,
            "one_minus_beta_2": 1 - self.beta_2,
        }

    def apply(
        self,
        weights: Array,
        gradients: Array,
        slots: Mapping[str, Array],
        constants: Mapping[str, Array],
        scratch: Array,
    ) -> None:
        """Update one piece of the arena."""
        step, root = scratch
        m, v = slots["momentum"], slots["velocity"]
        np.subtract(gradients, m, out=step)
        np.multiply(step, constants["one_minus_beta_1"], out=step)
        np.add(m, step, out=m)
        np.multiply(gradients, gradients, out=step)
        np.subtract(step, v, out=step)
        np.multiply(step, constants["one_minus_beta_2"], out=step)
        np.add(v, step, out=v)
        np.sqrt(v, out=root)
        np.add(root, constants["epsilon"], out=root)
        np.multiply(m, constants["alpha"], out=step)
        np.divide(step, root, out=step)
        np.subtract(weights, step, out=weights)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019; ``keras.optimizers.AdamW``).

    Before Adam's step, on every weight, biases included::

        w = w - w * weight_decay * learning_rate
    """

    name: ClassVar[str] = "adamw"

    weight_decay: float = 0.004

    def constants(
        self, iteration: int, dtype: np.dtype[Any], cast: Callable[[float], float]
    ) -> dict[str, Any]:
        """Round the weight decay as Keras does."""
        decay = cast(self.weight_decay)
        return super().constants(iteration, dtype, cast) | {"weight_decay": decay}

    def apply(
        self,
        weights: Array,
        gradients: Array,
        slots: Mapping[str, Array],
        constants: Mapping[str, Array],
        scratch: Array,
    ) -> None:
        """Update one piece of the arena."""
        decay = scratch[0]
        np.multiply(weights, constants["weight_decay"], out=decay)
        np.multiply(decay, constants["learning_rate"], out=decay)
        np.subtract(weights, decay, out=weights)
        super().apply(weights, gradients, slots, constants, scratch)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.name: optimizer for optimizer in (SGD, RMSprop, Adam, AdamW)
}


def optimizer_from_dict(table: Mapping[str, Any]) -> Optimizer:
    """Make an optimizer from plain data, as ``{"name": "sgd", "learning_rate": 0.1}``.

    Raises
    ------
    ArchitectureError
        If the name or a setting is unknown, or a value is wrong.
    """
    check_choice("name", table.get("name"), OPTIMIZERS)
    made: Any = OPTIMIZERS[table["name"]]
    settings = {key: value for key, value in table.items() if key != "name"}
    check_keys(settings, ["name", *(field.name for field in dataclasses.fields(made))])
    optimizer: Optimizer = made(**settings)
    return optimizer


def optimizer_to_dict(optimizer: Optimizer) -> dict[str, Any]:
    """Return plain data that `optimizer_from_dict` takes."""
    return {"name": optimizer.name, **dataclasses.asdict(optimizer)}


class OptimizerState:
    """An optimizer at work on one network's parameters.

    Parameters
    ----------
    optimizer
        The rule.
    parameters
        What it updates.
    constants
        Dtype to which settings are rounded before use; by default that of the parameters, as in
        Keras. A network in higher precision that stands in for one in lower names the lower.
    backend
        A name in `scratchnet.conventions.CONVENTIONS`: whose way of casting settings to follow.

    Attributes
    ----------
    iterations
        Number of updates made.
    slots
        The optimizer's arrays by name, each as long as the arena; they start at 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        parameters: Parameters,
        constants: DTypeLike | None = None,
        *,
        backend: str = "tensorflow",
    ) -> None:
        self.optimizer = optimizer
        self.parameters = parameters
        self.iterations = 0
        self.slots: dict[str, Array] = {
            name: np.zeros_like(parameters.values) for name in optimizer.slots
        }
        self._dtype = parameters.values.dtype
        self.constants = np.dtype(constants or self._dtype)
        self.backend = backend
        self._cast = CONVENTIONS[backend].cast
        self._unrounded: dict[str, Any] = {}
        self._constants: dict[str, Array] = {}
        self._constants = self._rounded(1)
        self._cut()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the pieces out of a copy: they are views, which would no longer share memory."""
        return {name: value for name, value in self.__dict__.items() if name != "_pieces"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._cut()

    def _cut(self) -> None:
        """Cut the arenas into pieces that fit into the processor's cache."""
        values, gradients = self.parameters.values, self.parameters.gradients
        scratch = np.zeros((2, min(_PIECE, len(values))), self._dtype)
        self._pieces = [
            (
                values[i : i + _PIECE],
                gradients[i : i + _PIECE],
                {name: slot[i : i + _PIECE] for name, slot in self.slots.items()},
                scratch[:, : len(values) - i],
            )
            for i in range(0, len(values), _PIECE)
        ]

    def step(self) -> None:
        """Change the weights by the gradients that are in the arena."""
        self.iterations += 1
        if self.optimizer.constants_change:
            self._constants = self._rounded(self.iterations)
        for weights, gradients, slots, scratch in self._pieces:
            self.optimizer.apply(weights, gradients, slots, self._constants, scratch)

    def set_learning_rate(self, learning_rate: float) -> None:
        """Go on with another learning rate; the slots and the number of updates stay.

        Raises
        ------
        ArchitectureError
            If it is not a number above 0.
        """
        rule: Any = self.optimizer
        self.optimizer = dataclasses.replace(rule, learning_rate=learning_rate)
        self._constants = self._rounded(max(1, self.iterations))

    def _rounded(self, iteration: int) -> dict[str, Array]:
        """Return the constants of an update; what stays the same is not rounded again."""
        constants = self.optimizer.constants(iteration, self.constants, self._cast)
        changed = {
            name: np.asarray(np.asarray(value, self.constants), self._dtype)
            for name, value in constants.items()
            if value != self._unrounded.get(name)
        }
        self._unrounded = constants
        return self._constants | changed

"""Two floors that no network in NumPy can go below, to hold scratchnet against."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from experiments.bench.peers.scratchnet_fit import ScratchnetFit
from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet.types import Array


class _Floor(Implementation):
    """An implementation that computes nothing worth checking."""

    def loss(self) -> float:
        """Return nan: there is none."""
        return float("nan")

    def weights(self) -> dict[str, Array]:
        """Return nothing."""
        return {}


class GemmFloor(_Floor):
    """The matrix products of an epoch and nothing else.

    Per layer ``x @ W``, ``x.T @ dz`` and, but for the first layer, ``dz @ W.T``, without biases,
    each into an array made beforehand. Arrays in C and in Fortran order are tried with
    ``np.matmul`` and with ``np.dot``, and the fastest of the four is kept.
    """

    def __init__(self, task: Task) -> None:
        rows, columns = _products(task, "C"), _products(task, "F")
        # np.dot writes into C order only; there the transposed product is the same one.
        turned = [(right.T, left.T, out.T) for left, right, out in columns]
        ways = [(np.matmul, rows), (np.matmul, columns), (np.dot, rows), (np.dot, turned)]
        self.multiply, self.products = min(
            ways, key=lambda way: min(_seconds(*way) for _ in range(3))
        )

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Multiply."""
        multiply: Any = self.multiply
        for _ in range(epochs):
            for left, right, out in self.products:
                multiply(left, right, out=out)
            on_epochs(1)


def _products(task: Task, order: Any) -> list[tuple[Array, Array, Array]]:
    """Return left factor, right factor and result of each product of an epoch."""
    random = np.random.RandomState(0)

    def made(*shape: int) -> Array:
        return np.asarray(random.standard_normal(shape), np.float32, order=order)

    kernels = [(made(*kernel.shape), made(*kernel.shape)) for kernel, _, _ in task.layers]
    by_size: dict[int, list[tuple[Array, Array, Array]]] = {}
    products = []
    for start, stop in task.bounds:
        samples = stop - start
        if samples not in by_size:
            sizes = [task.x.shape[1], *(kernel.shape[1] for kernel, _ in kernels)]
            values = [(made(samples, size), made(samples, size)) for size in sizes]
            forward = [
                (values[i][0], kernel, values[i + 1][0]) for i, (kernel, _) in enumerate(kernels)
            ]
            backward = []
            for i in reversed(range(len(kernels))):
                kernel, gradient = kernels[i]
                (x, dx), (_, dz) = values[i], values[i + 1]
                backward.append((x.T, dz, gradient))
                if i:
                    backward.append((dz, kernel.T, dx))
            by_size[samples] = forward + backward
        products += by_size[samples]
    return products


def _seconds(multiply: Any, products: list[tuple[Array, Array, Array]]) -> float:
    started = perf_counter()
    for left, right, out in products:
        multiply(left, right, out=out)
    return perf_counter() - started


class DispatchFloor(_Floor):
    """The NumPy calls of scratchnet's epoch, each replaced by an empty one.

    The calls are counted while scratchnet runs (`count_calls`); an empty call is
    ``np.add(a, a, out=a)`` on an array without elements.
    """

    def __init__(self, task: Task) -> None:
        self.calls = calls_per_epoch(task)

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call."""
        add, a = np.add, np.zeros(0, np.float32)
        for _ in range(epochs):
            for _ in range(self.calls):
                add(a, a, out=a)
            on_epochs(1)


def calls_per_epoch(task: Task) -> int:
    """Count the NumPy calls of one more epoch of ``scratchnet.fit``, set-up not included."""

    def calls(epochs: int) -> int:
        with count_calls("scratchnet") as counter:
            ScratchnetFit(task).train(epochs, lambda epochs: None)  # noqa: ARG005
        return counter.calls

    return calls(2) - calls(1)


class CallCounter:
    """Stands in for NumPy and its functions and counts the calls made through it."""

    def __init__(self) -> None:
        self.calls = 0
        self._stand_ins: dict[int, _Counted] = {}

    def wrap(self, value: Any) -> Any:
        """Return the stand-in for a module or function of NumPy; anything else as it is."""
        if isinstance(value, ModuleType) or (callable(value) and not isinstance(value, type)):
            return self._stand_ins.setdefault(id(value), _Counted(self, value))
        return value


class _Counted:
    """A module or function whose calls, and those of what it holds, are counted."""

    def __init__(self, counter: CallCounter, value: Any) -> None:
        self._counter = counter
        self._value = value

    def __getattr__(self, name: str) -> Any:
        return self._counter.wrap(getattr(self._value, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._counter.calls += 1
        return self._value(*args, **kwargs)


@contextmanager
def count_calls(package: str) -> Iterator[CallCounter]:
    """Count every call that a package's modules make through ``np`` or a function taken from it.

    Arithmetic on NumPy scalars, slicing and methods of arrays are not counted, which makes the
    count, and the floor, rather too low than too high.
    """
    counter = CallCounter()
    replaced: list[tuple[ModuleType, str, Any]] = []
    modules = [
        module
        for name, module in sys.modules.items()
        if name == package or name.startswith(f"{package}.")
    ]
    for module in modules:
        for name, value in vars(module).items():
            if value is np or _is_numpy_function(value):
                replaced.append((module, name, value))
    try:
        for module, name, value in replaced:
            setattr(module, name, counter.wrap(value))
        yield counter
    finally:
        for module, name, value in replaced:
            setattr(module, name, value)


_FUNCTIONS = (np.ufunc, FunctionType, BuiltinFunctionType, type(np.sum))


def _is_numpy_function(value: Any) -> bool:
    return isinstance(value, _FUNCTIONS) and (
        isinstance(value, np.ufunc) or str(value.__module__).split(".")[0] == "numpy"
    )

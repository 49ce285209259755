"""A network in a form of its author's own, of which it is known how it takes a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.tensor_names import LOSS
from experiments.check.user.layouts import Start
from experiments.check.user.recorder import Recorder
from experiments.check.user.seen import Seen, Tensor, as_expected, gradient_at, tensors_of
from experiments.check.user.task import Task
from experiments.check.user.ways import Way
from experiments.check.user.weights import Values

if TYPE_CHECKING:
    from scratchnet.types import Array


class FoundForm:
    """A way to take a step, and where in it everything is to be seen.

    Parameters
    ----------
    way
        The way.
    places
        Where each tensor is, as the other side read it: ``prediction``, ``loss``, ``hidden`` by
        layer, ``gradients`` by layer and kind.
    """

    def __init__(self, way: Way, places: Mapping[str, Any]) -> None:
        self.way = way
        self.kind = way.handle.kind
        self.found = [way.handle.describe(way.chain)]
        self.missing: list[str] = []
        self._prediction: str = places["prediction"]
        self._loss: str = places["loss"]
        self._hidden = {int(layer): name for layer, name in places["hidden"].items()}
        self._gradients: dict[Tensor, str] = {
            (layer, kind): source for layer, kind, source in places["gradients"]
        }

    def prepare(self, recorder: Recorder) -> None:
        """Nothing needs preparation."""

    def take_step(self, task: Task, recorder: Recorder, *, again: bool) -> None:
        """See `experiments.check.user.forms.Form.take_step`."""
        way = self.way
        start = start_of(task)
        if not way.handle.rate_known:
            # Its own rate stands in what it changes, and ours does not.
            start = replace(start, rate=1.0)
        seen: Seen = recorder.call("a step", way.handle.run, start, way.layout, way.chain)
        names = [layer.name for layer in task.layers]
        samples = task.samples
        for layer, source in self._hidden.items():
            shape = (samples, task.layers[layer].units)
            array = _laid(seen.named.get(source), shape)
            if array is not None:
                recorder.put(
                    f"{names[layer]}/activation", array, shape, where=source, internal=True
                )
        if self._prediction:
            array = _laid(seen.named.get(self._prediction), task.y.shape)
            if array is not None:
                recorder.put(f"{names[-1]}/activation", array, task.y.shape, where=self._prediction)
        if self._loss and self._loss in seen.named:
            value = seen.named[self._loss]
            recorder.put(LOSS, value.reshape(()) if value.size == 1 else value, (), where="loss")
        for tensor in tensors_of(way.chain):
            self._put_gradient(seen, tensor, task, recorder)

    def _put_gradient(self, seen: Seen, tensor: Tensor, task: Task, recorder: Recorder) -> None:
        source = self._gradients.get(tensor)
        if source is None:
            return
        layer, kind = tensor
        name = f"{task.layers[layer].name}/{kind}"
        shape = task.weight_shapes[name]
        array = gradient_at(seen, tensor, source)
        if array is None:
            raise recorder.stop(
                "no_gradients",
                source,
                f"the step leaves no gradient for {name}",
                f"{name}_gradient",
            )
        recorder.put(f"{name}_gradient", array, shape, where=source)


def _laid(array: Array | None, shape: tuple[int, ...]) -> Array | None:
    return None if array is None else as_expected(array, shape)


def start_of(task: Task) -> Start:
    """Return where a task starts."""
    weights = tuple(
        Values(task.weights[f"{layer.name}/kernel"], task.weights.get(f"{layer.name}/bias"))
        for layer in task.layers
    )
    return Start(weights, task.x, task.y, task.learning_rate)


def arrays_of(seen: list[Seen]) -> Iterator[tuple[str, Array]]:
    """Yield all arrays of some steps under names that say which step."""
    for number, one in enumerate(seen):
        for name, array in one.named.items():
            yield f"{number}|named|{name}", _plain(array)
        for layer, values in enumerate(one.after or []):
            yield f"{number}|kernel|{layer}", _plain(np.asarray(values.kernel))
            if values.bias is not None:
                yield f"{number}|bias|{layer}", _plain(np.asarray(values.bias))


def _plain(array: Array) -> Array:
    """Return an array of a type that a message takes."""
    if array.dtype.kind == "f" and array.dtype.itemsize >= 4:
        return array
    return array.astype(np.int64 if array.dtype.kind in "iub" else np.float64)

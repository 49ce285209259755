"""The two forms in which a network is handed over, and how they are recognised.

A form knows how to take one step of the user's network from a given point and to write down
every tensor of it; see `ClassForm` here and `experiments.check.user.article.ArticleForm`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from experiments.check.tensor_names import LOSS
from experiments.check.user.article import ARTICLE_FUNCTIONS, ArticleForm
from experiments.check.user.recorder import NotRecognisedError, Recorder
from experiments.check.user.task import Task

if TYPE_CHECKING:
    from scratchnet.types import Array


class Form(Protocol):
    """A network in one of the two forms.

    Attributes
    ----------
    kind
        ``class`` or ``article``.
    found, missing
        What was recognised, and what was not.
    """

    kind: str
    found: list[str]
    missing: list[str]

    def prepare(self, recorder: Recorder) -> None:
        """Look at what needs no case, once."""

    def take_step(self, task: Task, recorder: Recorder, *, again: bool) -> None:
        """Take two training steps, the second from where the first led.

        Parameters
        ----------
        task
            Where to start; its arrays are handed to the user's code as they are.
        recorder
            Where to write everything down.
        again
            Whether to ask for the same gradients twice.

        Raises
        ------
        StoppedError
            If the user's code cannot go on; what came before is in the recorder.
        """


def recognise(module: ModuleType, name: str | None) -> Form:
    """Find the network in a module.

    Parameters
    ----------
    module
        The user's, loaded as far as it got.
    name
        The class to take; None: the only class with `gradients`, else the article's functions.

    Raises
    ------
    NotRecognisedError
        If there is none, or more than one.
    """
    if name is not None:
        made = getattr(module, name, None)
        if not callable(made):
            classes = ", ".join(_classes(module)) or "none"
            if callable(getattr(module, "full_forward_propagation", None)):
                raise NotRecognisedError(
                    f"no class {name!r}; the file is in the article's form, so leave out ':{name}'"
                )
            raise NotRecognisedError(
                f"no class {name!r}; expected one of the classes of the file ({classes})"
            )
        if isinstance(made, type) and not callable(getattr(made, "gradients", None)):
            raise NotRecognisedError(
                f"class {name!r} has no method gradients(x, y) -> (loss, gradients)"
            )
        return ClassForm(made, name)
    networks = [
        key for key, kind in _classes(module).items() if callable(getattr(kind, "gradients", None))
    ]
    if len(networks) == 1:
        return ClassForm(getattr(module, networks[0]), networks[0])
    if len(networks) > 1:
        raise NotRecognisedError(
            f"several classes with gradients(x, y): {', '.join(networks)}; name one, as "
            f"FILE.py:{networks[-1]}"
        )
    if callable(getattr(module, "full_forward_propagation", None)):
        form = ArticleForm(module)
        if "full_forward_propagation" in form.found:
            return form
        raise NotRecognisedError(
            f"not understood: {next(m for m in form.missing if 'forward' in m)}; "
            "expected full_forward_propagation(X, params_values, nn_architecture)"
        )
    partly = [key for key in ARTICLE_FUNCTIONS if callable(getattr(module, key, None))]
    having = f" (of the article's functions there is only {', '.join(partly)})" if partly else ""
    raise NotRecognisedError(
        "nothing recognised; looked for a class with gradients(x, y), and for the article's "
        f"full_forward_propagation(X, params_values, nn_architecture){having}"
    )


def _classes(module: ModuleType) -> dict[str, type]:
    """Return the classes that the module itself defines."""
    return {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    }


def may_have_form(path: Path) -> bool:
    """Whether the text of a file says that it may have one of the two forms."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return path.suffix == ".py" and bool(
        re.search(r"def\s+(gradients|full_forward_propagation)\b|\bgradients\s*=", text)
    )


class ClassForm:
    """A class ``NAME(architecture, weights)`` with ``gradients(x, y) -> (loss, gradients)``."""

    kind = "class"

    def __init__(self, make: Callable[..., Any], name: str) -> None:
        self.make = make
        optional = ("forward", "activations", "train_step", "weights")
        having = ["gradients", *(key for key in optional if hasattr(make, key))]
        # Attributes may be set in the constructor only, so `weights` is looked for again later.
        self.found = [f"class {name}: {', '.join(having)}"]
        self.missing = [key for key in optional if key not in having and key != "weights"]

    def prepare(self, recorder: Recorder) -> None:
        """Nothing needs preparation."""

    def take_step(self, task: Task, recorder: Recorder, *, again: bool) -> None:
        """See `Form.take_step`."""
        x, y, weights = task.x, task.y, dict(task.weights)
        network = recorder.call("the constructor", self.make, task.own_architecture(), weights)
        if isinstance(network, type) or not callable(getattr(network, "gradients", None)):
            raise recorder.stop(
                "no_gradients", "the constructor", "the constructor makes nothing with gradients()"
            )
        before = {"x": x.copy(), "y": y.copy()}
        given = {name: value.copy() for name, value in weights.items()}

        self._put_forward(network, x, task, recorder)
        self._put_gradients(network, x, y, task, recorder)
        if again:
            recorder.step = "again"
            self._put_forward(network, x, task, recorder)
            self._put_gradients(network, x, y, task, recorder)
            recorder.step = "0"
        recorder.note_changes("the network", before | given, {"x": x, "y": y} | weights)

        if callable(getattr(network, "train_step", None)):
            self._put_step(network, x, y, task, recorder)
            recorder.step = "1"
            self._put_gradients(network, x, y, task, recorder)
            self._put_step(network, x, y, task, recorder)

    def _put_step(self, network: Any, x: Array, y: Array, task: Task, recorder: Recorder) -> None:
        """Take a training step, and write down the weights where the network shows them."""
        recorder.call("train_step", network.train_step, x, y, task.learning_rate)
        updated = getattr(network, "weights", None)
        if callable(updated):
            updated = recorder.call("weights", updated)
        shapes = task.weight_shapes
        if isinstance(updated, Mapping) and updated.keys() >= shapes.keys():
            for name, shape in shapes.items():
                recorder.put(f"{name}_updated", updated[name], shape, where="weights")
        elif updated is not None:
            recorder.note("weights", "weights is not a dict by full name, so it is not looked at")

    def _put_forward(self, network: Any, x: Array, task: Task, recorder: Recorder) -> None:
        if callable(getattr(network, "activations", None)):
            values = recorder.call("activations", network.activations, x)
            if not isinstance(values, Mapping):
                kind = type(values).__name__
                text = f"activations gives a {kind}; expected a dict by layer"
                recorder.note("activations", text)
                values = {}
            for layer in task.layers:
                for key, short in (
                    (f"{layer.name}/pre_activation", "pre_activation"),
                    (layer.name, "activation"),
                    (f"{layer.name}/activation", "activation"),
                ):
                    if key in values:
                        name, expected = f"{layer.name}/{short}", (len(x), layer.units)
                        recorder.put(name, values[key], expected, where="activations")
        if callable(getattr(network, "forward", None)):
            prediction = recorder.call("forward", network.forward, x)
            if isinstance(prediction, tuple) and prediction:
                prediction = prediction[0]
            name, expected = f"{task.layers[-1].name}/activation", (len(x), task.units)
            recorder.put(name, prediction, expected, where="forward")

    def _put_gradients(
        self, network: Any, x: Array, y: Array, task: Task, recorder: Recorder
    ) -> None:
        answer = recorder.call("gradients", network.gradients, x, y)
        loss, gradients = _loss_and_gradients(answer)
        if gradients is None:
            kind = type(answer).__name__
            raise recorder.stop(
                "no_gradients",
                "gradients",
                f"gradients gives a {kind}; expected (loss, gradients by weight name)",
                f"{task.layers[-1].name}/kernel_gradient",
            )
        if loss is not None:
            recorder.put(LOSS, loss, (), where="gradients")
        shapes = task.weight_shapes
        for name in reversed(shapes):
            if name not in gradients:
                raise recorder.stop(
                    "no_gradients",
                    "gradients",
                    f"gradients gives none for {name}; it has {', '.join(map(str, gradients))}",
                    f"{name}_gradient",
                )
        for name, shape in shapes.items():
            recorder.put(f"{name}_gradient", gradients[name], shape, where="gradients")


def _loss_and_gradients(answer: Any) -> tuple[Any, Mapping[str, Any] | None]:
    """Find the two in what `gradients` returned, in either order."""
    if isinstance(answer, Mapping):
        return None, answer
    if not isinstance(answer, tuple | list):
        return None, None
    tables = [item for item in answer if isinstance(item, Mapping)]
    numbers = [item for item in answer if not isinstance(item, Mapping)]
    return (numbers[0] if numbers else None), (tables[0] if tables else None)

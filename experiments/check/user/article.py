"""The article's form: a module with the article's functions, samples in columns.

Versions in the wild differ: keys count from 0 or 1, parameters have other names or defaults,
functions are missing, the forward pass returns no memory. What can be understood is understood;
everything is translated to Keras's layout where it is written down.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.check.tensor_names import ACCURACY, LOSS
from experiments.check.user.article_layout import (
    Layout,
    layer_key,
    numbered_keys,
    read_layout,
    span,
)
from experiments.check.user.article_parameters import ARGUMENTS, fit_parameters
from experiments.check.user.recorder import NotRecognisedError, Recorder, StoppedError
from experiments.check.user.task import Layer, Task

if TYPE_CHECKING:
    from scratchnet.types import Array

ARTICLE_FUNCTIONS = tuple(ARGUMENTS)
"""What is looked for, by the article's own names."""

_GLOBAL_ARCHITECTURES = ("nn_architecture", "NN_ARCHITECTURE")

_PROBE = (
    Layer("dense_1", 2, 3, "relu", use_bias=True),
    Layer("dense_2", 3, 4, "relu", use_bias=True),
    Layer("dense_3", 4, 1, "sigmoid", use_bias=True),
)
"""Every size differs, so that a shape shows which way round a kernel is kept."""

TRAINED_EPOCHS = 3
"""How long `train` is watched: long enough for a loop to show itself, too short for chaos."""


class ArticleForm:
    """A module with the article's functions."""

    kind = "article"

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.layout = Layout()
        self.found: list[str] = []
        self.missing: list[str] = []
        for name, roles in ARGUMENTS.items():
            function = getattr(module, name, None)
            fitting = fit_parameters(function, roles) if callable(function) else ""
            if not isinstance(fitting, str):
                self.found.append(name)
            else:
                self.missing.append(f"{name} ({fitting})" if fitting else name)

    def prepare(self, recorder: Recorder) -> None:
        """Learn the layout from `init_layers`, and look at the weights that it draws."""
        if "init_layers" not in self.found:
            return
        table = self._architecture(_PROBE)
        drawn = self._call(recorder, "init_layers", {"architecture": table, "seed": 99})
        layout = read_layout(drawn, [entry["input_dim"] for entry in table])
        if layout is None:
            self._assume_the_articles_layout(recorder, drawn, table)
            return
        self.layout = layout
        kernels = [np.asarray(drawn[layout.keys(i)[0]], np.float64) for i in range(len(table))]
        if any(not np.any(kernel) for kernel in kernels):
            recorder.note(
                "zero_weights",
                "init_layers draws weights that are all 0: the units of a layer then stay equal "
                "forever; draw them at random, as np.random.randn(...) * 0.1",
            )
        elif any(kernel.size > 1 and np.ptp(kernel) == 0 for kernel in kernels):
            recorder.note(
                "equal_weights",
                "init_layers draws weights that are all equal: the units of a layer then stay "
                "equal forever; draw them at random, as np.random.randn(...) * 0.1",
            )

    def _assume_the_articles_layout(
        self, recorder: Recorder, drawn: Any, table: list[dict[str, Any]]
    ) -> None:
        """Note that the weights are not understood, unless that is how this code keeps them."""
        roles = {"X": np.ones((table[0]["input_dim"], 1)), "params": drawn, "architecture": table}
        try:
            self._call(recorder, "full_forward_propagation", roles)
        except StoppedError:
            recorder.note(
                "init_layers",
                "init_layers gives no dict with W1, b1 ... ; the article's is assumed",
            )
            return
        having = f" with {', '.join(map(str, drawn))}" if isinstance(drawn, Mapping) else ""
        raise NotRecognisedError(
            f"init_layers keeps the weights in a {type(drawn).__name__}{having}; expected a dict "
            "with W1, b1, W2, b2 ... (keep them so, or write a class, see docs/check.md)"
        )

    def take_step(self, task: Task, recorder: Recorder, *, again: bool) -> None:
        """See `experiments.check.user.forms.Form.take_step`."""
        x, y = self.layout.samples_across(task.x), self.layout.samples_across(task.y)
        params = self.layout.params(task.layers, task.weights)
        gradients = self._put_gradients(task, x, y, params, recorder)
        if again:
            recorder.step = "again"
            self._put_gradients(task, x, y, params, recorder)
            recorder.step = "0"
        if "update" in self.found and gradients is not None:
            params = self._put_update(task, params, gradients, recorder)
            recorder.step = "1"
            gradients = self._put_gradients(task, x, y, params, recorder)
            self._put_update(task, params, gradients, recorder)

    def _put_update(
        self, task: Task, params: dict[str, Any], gradients: Any, recorder: Recorder
    ) -> dict[str, Any]:
        """Update the weights, write them down, and return them as the user's code keeps them."""
        roles = {
            "params": params,
            "grads": gradients,
            "architecture": self._architecture(task.layers),
            "learning_rate": task.learning_rate,
        }
        try:
            answer = self._call(recorder, "update", roles)
        except StoppedError as stopped:
            if (names := recorder.notes.get("names")) is None:
                raise
            last = f"{task.layers[-1].name}/bias_gradient"
            sentence = f"{names}; so {stopped.problem.sentence}"
            raise recorder.stop("wrong_names", "update", sentence, last) from None
        updated = next((item for item in _items(answer) if isinstance(item, Mapping)), params)
        self._put_weights(task.layers, updated, "updated", "update", recorder)
        return dict(updated)

    def train(self, task: Task, recorder: Recorder) -> None:
        """Let `train` run for a few epochs, and write down where it ended.

        Raises
        ------
        StoppedError
            As for `take_step`.
        """
        original = self.module.init_layers
        params = self.layout.params(task.layers, task.weights)
        # Drawing them again in the middle must not hand out what was updated in place.
        self.module.init_layers = lambda *_, **__: _copies(params)  # type: ignore[attr-defined]
        roles = {
            "X": self.layout.samples_across(task.x),
            "Y": self.layout.samples_across(task.y),
            "architecture": self._architecture(task.layers),
            "epochs": TRAINED_EPOCHS,
            "learning_rate": task.learning_rate,
        }
        try:
            answer = self._call(recorder, "train", roles)
        finally:
            self.module.init_layers = original  # type: ignore[attr-defined]
        trained = next((item for item in _items(answer) if isinstance(item, Mapping)), None)
        if trained is None:
            raise recorder.stop("nothing_returned", "train", "train returns no dict of weights")
        recorder.step = "train"
        self._put_weights(task.layers, trained, "updated", "train", recorder)

    def _put_gradients(
        self,
        task: Task,
        x: Array,
        y: Array,
        params: dict[str, Any],
        recorder: Recorder,
    ) -> Any:
        """Go forward and backward once, and return the gradients as the user's code gave them."""
        layers, layout = task.layers, self.layout
        before = _copies({"X": x, "Y": y} | params)
        table = self._architecture(layers)
        roles: dict[str, Any] = {"X": x, "params": params, "architecture": table}
        answer = self._call(recorder, "full_forward_propagation", roles)
        recorder.note_changes("full_forward_propagation", before, {"X": x, "Y": y} | params)
        before = _copies({"X": x, "Y": y} | params)
        prediction, memory = _prediction_and_memory(answer)
        self._put_memory(layers, memory, x, recorder)
        samples = x.shape[1] if layout.units_first else x.shape[0]
        last = f"{layers[-1].name}/activation"
        recorder.put(
            last,
            prediction,
            (samples, task.units),
            where="full_forward_propagation",
            expected=self.layout.shape((samples, task.units)),
            transposed=layout.units_first,
        )

        held = {"Y_hat": np.array(prediction), "Y": before["Y"]}
        for function, tensor in (("get_cost_value", LOSS), ("get_accuracy_value", ACCURACY)):
            if function in self.found:
                answer = self._call(recorder, function, {"Y_hat": prediction, "Y": y})
                numbers = [item for item in _items(answer) if not isinstance(item, str)]
                recorder.put(tensor, (numbers or _items(answer))[0], (), where=function)
                recorder.note_changes(function, held, {"Y_hat": prediction, "Y": y})

        if "full_backward_propagation" not in self.found:
            return None
        if memory is None:
            recorder.note(
                "no_memory",
                "full_forward_propagation returns no memory of Z and A; full_backward_propagation "
                "is given one made by its first layers alone",
            )
            memory = self._memory_by_layers(task, x, params, recorder)
        roles = {
            "Y_hat": prediction,
            "Y": y,
            "memory": memory,
            "params": params,
            "architecture": table,
        }
        answer = self._call(recorder, "full_backward_propagation", roles)
        recorder.note_changes("full_backward_propagation", before, {"X": x, "Y": y} | params)
        return self._put_weight_gradients(layers, answer, recorder)

    def _put_weight_gradients(
        self, layers: Sequence[Layer], answer: Any, recorder: Recorder
    ) -> Any:
        where = "full_backward_propagation"
        tables = [item for item in _items(answer) if isinstance(item, Mapping)]
        # A version without `return` may still fill a dict of the module's own.
        kept = getattr(self.module, "grads_values", None)
        if not tables and isinstance(kept, Mapping) and kept:
            recorder.note("global_gradients", f"{where} leaves its gradients in a global dict")
            tables = [kept]
        last = f"{layers[-1].name}/kernel_gradient"
        if not tables:
            returned = "None" if answer is None else f"a {type(answer).__name__}"
            raise recorder.stop(
                "no_gradients",
                where,
                f"{where} returns {returned}, no gradients: it computes dW and db and keeps "
                "neither; store them, as grads_values['dW' + str(layer)] = dW_curr, and return "
                "grads_values",
                last,
            )
        for table in tables:
            numbered = numbered_keys(table, r"d_?[wW]"), numbered_keys(table, r"d_?[bB]")
            if all(numbered):
                break
        if not any(numbered):
            having = ", ".join(map(str, tables[0])) or "nothing"
            raise recorder.stop(
                "no_gradients",
                where,
                f"{where} returns a dict without dW1, db1 ... (it has {having}): the gradients "
                "are computed and not stored",
                last,
            )
        expected = range(self.layout.first, self.layout.first + len(layers))
        for letter, keys in zip(("dW", "db"), numbered, strict=True):
            # Where dW and db are numbered alike, they may begin with any number.
            alike = numbered[0].keys() == numbered[1].keys()
            if len(keys) == len(layers) and not alike and keys.keys() != set(expected):
                names = f"{where} returns {span(letter, keys)}; expected {span(letter, expected)}"
                recorder.note("names", names)
        for index in reversed(range(len(layers))):
            for short, keys in zip(("kernel", "bias"), numbered, strict=True):
                tensor = f"{layers[index].name}/{short}_gradient"
                key = layer_key(keys, index, len(layers), self.layout.first)
                if key is None:
                    letter = "dW" if short == "kernel" else "db"
                    raise recorder.stop(
                        "no_gradients",
                        where,
                        f"{where} returns no {letter}{index + self.layout.first} "
                        f"(it has {', '.join(map(str, table))})",
                        tensor,
                    )
                self._put_weight(layers[index], short, table[key], tensor, where, recorder)
        return table

    def _put_weights(
        self,
        layers: Sequence[Layer],
        table: Mapping[str, Any],
        suffix: str,
        where: str,
        recorder: Recorder,
    ) -> None:
        for index, layer in enumerate(layers):
            for short, key in zip(("kernel", "bias"), self.layout.keys(index), strict=True):
                tensor = f"{layer.name}/{short}_{suffix}"
                if key not in table:
                    having = ", ".join(map(str, table)) or "nothing"
                    sentence = f"{where} returns no {key} (it has {having})"
                    raise recorder.stop("missing", where, sentence, tensor)
                self._put_weight(layer, short, table[key], tensor, where, recorder)

    def _put_weight(
        self,
        layer: Layer,
        short: str,
        value: Any,
        tensor: str,
        where: str,
        recorder: Recorder,
    ) -> None:
        if short == "kernel":
            shape: tuple[int, ...] = (layer.inputs, layer.units)
            expected = self.layout.shape(shape)
        else:
            shape, expected = (layer.units,), self.layout.bias_shape(layer.units)
        recorder.put(
            tensor,
            value,
            shape,
            where=where,
            expected=expected,
            transposed=short == "kernel" and self.layout.units_first,
        )

    def _put_memory(
        self, layers: Sequence[Layer], memory: Any, x: Array, recorder: Recorder
    ) -> None:
        """Write down what the memory shows of Z and A; it is nobody's business but the code's."""
        if not isinstance(memory, Mapping):
            return
        samples = x.shape[self.layout.units_first]
        z_keys, a_keys = numbered_keys(memory, "[zZ]"), numbered_keys(memory, "[aA]")
        starts_with_x = bool(a_keys) and np.array_equal(memory[a_keys[min(a_keys)]], x)
        for index, layer in enumerate(layers):
            sources = {"pre_activation": z_keys.get(index + min(z_keys, default=0))}
            if starts_with_x and index < len(layers) - 1:
                sources["activation"] = a_keys.get(index + 1 + min(a_keys))
            shape = (samples, layer.units)
            for short, key in sources.items():
                if key is not None:
                    try:
                        recorder.put(
                            f"{layer.name}/{short}",
                            memory[key],
                            shape,
                            where="memory",
                            expected=self.layout.shape(shape),
                            transposed=self.layout.units_first,
                            internal=True,
                        )
                    except StoppedError:
                        return

    def _memory_by_layers(
        self, task: Task, x: Array, params: Mapping[str, Any], recorder: Recorder
    ) -> dict[str, Any]:
        """Make the memory that the forward pass keeps to itself, by that pass over fewer layers."""
        memory: dict[str, Any] = {"A0": x}
        for number in range(1, len(task.layers) + 1):
            kernel, bias = (params[key] for key in self.layout.keys(number - 1))
            before = memory[f"A{number - 1}"]
            try:
                product = kernel @ before if self.layout.units_first else before @ kernel
                memory[f"Z{number}"] = product + bias
            except (TypeError, ValueError) as error:
                sentence = f"what full_forward_propagation gives does not fit the weights: {error}"
                raise recorder.stop("wrong_shape", "full_forward_propagation", sentence) from None
            table = self._architecture(task.layers[:number])
            roles: dict[str, Any] = {"X": x, "params": params, "architecture": table}
            answer = self._call(recorder, "full_forward_propagation", roles)
            memory[f"A{number}"], _ = _prediction_and_memory(answer)
        return memory

    def _architecture(self, layers: Sequence[Layer]) -> list[dict[str, Any]]:
        """Return the article's list, and set it where the module keeps its own."""
        table = [
            {
                "input_dim": layer.inputs,
                "output_dim": layer.units,
                "activation": sys.intern(layer.activation),
            }
            for layer in layers
        ]
        for name in _GLOBAL_ARCHITECTURES:
            if hasattr(self.module, name):
                setattr(self.module, name, table)
        return table

    def _call(self, recorder: Recorder, name: str, values: Mapping[str, Any]) -> Any:
        """Call one of the functions that were found, with values by role."""
        function = getattr(self.module, name)
        fitting = fit_parameters(function, ARGUMENTS[name])
        assert not isinstance(fitting, str)
        positional, named = fitting
        return recorder.call(
            name,
            function,
            *(values[role] for role in positional),
            **{parameter: values[role] for parameter, role in named.items()},
        )


def _copies(values: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.array(value) for name, value in values.items()}


def _items(answer: Any) -> list[Any]:
    """Return what a function returned, one or several things."""
    return list(answer) if isinstance(answer, tuple) else [answer]


def _prediction_and_memory(answer: Any) -> tuple[Any, Any]:
    """Find the last activation, and the memory in whatever form, in either order."""
    items = _items(answer)
    arrays = [item for item in items if isinstance(item, np.ndarray)] or items[:1]
    others = [item for item in items if not isinstance(item, np.ndarray | str)]
    memories = [item for item in others if isinstance(item, Mapping)] or others
    memory = next((item for item in memories if item is not arrays[0]), None)
    return arrays[0], memory

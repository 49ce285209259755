"""What a network is: input shape, layers and loss, as frozen data.

An `Architecture` holds no numbers that training changes. It is checked where it is made, so
whoever holds one can build it, here and in Keras.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scratchnet.conventions import CONVENTIONS, Conventions
from scratchnet.errors import ArchitectureError, check_choice, check_keys
from scratchnet.layers import LAYERS, Dense, Layer, Weight
from scratchnet.losses import Loss, as_loss, loss_to_data
from scratchnet.regularizers import Regularizer, regularizer_to_dict

INPUT = "input"
"""The name by which a layer asks for the network's input."""


@dataclass(frozen=True, init=False)
class Architecture:
    """A feed-forward network and the loss it is trained on.

    The layers are a graph: each reads the layer before it, or those that its `inputs` name, which
    stand before it. The last one makes the network's outputs.

    Parameters
    ----------
    input_shape
        Shape of one sample, as ``(features,)`` or ``(height, width, channels)``.
    layers
        At least one. A layer without a name is named by its kind and number: ``dense_1`` ...
    loss
        A `scratchnet.losses.Loss`, the name of one, or its table, as ``{"name":
        "binary_crossentropy", "label_smoothing": 0.1}``.
    backend
        The Keras backend whose meaning the network follows where backends differ, see
        `scratchnet.conventions`.

    Raises
    ------
    ArchitectureError
        If anything does not fit; the message names the layer and the field.

    Examples
    --------
    >>> article = Architecture(
    ...     input_shape=(2,),
    ...     layers=(Dense(4, "relu"), Dense(1, "sigmoid")),
    ...     loss="binary_crossentropy",
    ... )
    >>> list(article.weight_shapes())
    ['dense_1/kernel', 'dense_1/bias', 'dense_2/kernel', 'dense_2/bias']
    """

    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    loss: Loss
    backend: str = "tensorflow"

    def __init__(
        self,
        input_shape: Sequence[int],
        layers: Sequence[Layer],
        loss: Loss | str | Mapping[str, Any],
        backend: str = "tensorflow",
    ) -> None:
        object.__setattr__(self, "input_shape", _checked_shape(input_shape))
        object.__setattr__(self, "layers", _named(layers))
        object.__setattr__(self, "loss", as_loss(loss))
        object.__setattr__(self, "backend", backend)
        check_choice("backend", backend, CONVENTIONS)
        shapes = self._check_graph()
        object.__setattr__(self, "_shapes", shapes)
        object.__setattr__(self, "_weights", self._name_weights())
        self._check_outputs()
        self._check_loss()

    @property
    def units(self) -> int:
        """Number of outputs of the last layer."""
        return self.output_shapes[self.layers[-1].name][-1]

    @property
    def last_activation(self) -> str:
        """Activation of the last layer."""
        return self.layers[-1].activation_name()

    @property
    def fused(self) -> bool:
        """Whether the loss works on the last layer's logits, as Keras on TensorFlow does."""
        return self.conventions.fuses_loss and self.last_activation in self.loss.fuses_with

    @property
    def conventions(self) -> Conventions:
        """What Keras means on the network's backend."""
        return CONVENTIONS[self.backend]

    @property
    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample after each layer by name; ``"input"``: of the network's input."""
        shapes: dict[str, tuple[int, ...]] = self._shapes  # type: ignore[attr-defined]
        return shapes

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of one sample before the first layer and after each."""
        return list(self.output_shapes.values())

    def sources(self, layer: Layer) -> tuple[str, ...]:
        """Return the names of what a layer reads; ``"input"`` is the network's input."""
        if layer.inputs:
            return layer.inputs
        names = [INPUT, *(other.name for other in self.layers)]
        return (names[names.index(layer.name) - 1],)

    def noise_shape(self, layer: Layer) -> tuple[int, ...]:
        """Return the shape of one sample of a layer's noise; `Layer.needs_noise` says if any."""
        return layer.noise_shape(*self.input_shapes(layer))

    def readers(self, name: str) -> list[str]:
        """Return the names of the layers that read a layer's outputs, once for each time."""
        return [
            layer.name for layer in self.layers for source in self.sources(layer) if source == name
        ]

    def input_shapes(self, layer: Layer) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of one sample of what a layer reads."""
        return tuple(self.output_shapes[name] for name in self.sources(layer))

    def needs_gradient(self, name: str) -> bool:
        """Whether anything that is trained lies before the outputs of a layer, itself included."""
        if name == INPUT:
            return False
        layer = next(layer for layer in self.layers if layer.name == name)
        return any(
            weight.trainable for weight in layer.weights(*self.input_shapes(layer)).values()
        ) or any(self.needs_gradient(source) for source in self.sources(layer))

    def weights(self) -> dict[str, Weight]:
        """Return every weight by its full name, in Keras's order."""
        weights: dict[str, Weight] = self._weights  # type: ignore[attr-defined]
        return weights

    def _name_weights(self) -> dict[str, Weight]:
        return {
            f"{layer.name}/{short}": weight
            for layer in self.layers
            for short, weight in layer.weights(*self.input_shapes(layer)).items()
        }

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its full name, in Keras's order."""
        return {name: weight.shape for name, weight in self.weights().items()}

    def _check_graph(self) -> dict[str, tuple[int, ...]]:
        """Check that every layer can read what it names; return the shapes by layer."""
        shapes = {INPUT: self.input_shape}
        read: set[str] = set()
        for index, layer in enumerate(self.layers):
            sources = self.sources(layer)
            where = f"layers[{index}] ({layer.name})"
            try:
                layer.check_inputs(len(sources))
                for source in sources:
                    if source not in shapes:
                        known = ", ".join(shapes)
                        raise ArchitectureError(
                            f"inputs: {source!r} is not a layer before it; expected {known}"
                        )
                if layer.takes_tokens and set(sources) != {INPUT}:
                    raise ArchitectureError(
                        f"inputs: {list(sources)}; {layer.kind} takes whole numbers, so it can "
                        f"only read the network's input, {INPUT!r}"
                    )
                shapes[layer.name] = layer.output_shape(*(shapes[source] for source in sources))
                layer.weights(*(shapes[source] for source in sources))
            except ArchitectureError as error:
                raise ArchitectureError(f"{where}: {error}") from None
            read |= set(sources)
        for index, layer in enumerate(self.layers[:-1]):
            if layer.name not in read:
                raise ArchitectureError(
                    f"layers[{index}] ({layer.name}): no layer reads its outputs; name it in the "
                    "inputs of a later layer, or leave it out"
                )
        return shapes

    def _check_outputs(self) -> None:
        last, shape = self.layers[-1], self.output_shapes[self.layers[-1].name]
        if len(shape) != 1:
            raise ArchitectureError(
                f"layers[{len(self.layers) - 1}] ({last.name}): the last layer's outputs have the "
                f"shape {shape}; expected (units,), for example after a flatten layer"
            )

    def _check_loss(self) -> None:
        index, last = len(self.layers) - 1, self.layers[-1]
        where = f"layers[{index}] ({last.name})"
        if self.loss.name == "binary_crossentropy" and self.last_activation == "softmax":
            raise ArchitectureError(
                f"{where}: activation = 'softmax' with loss = 'binary_crossentropy'; expected "
                "'sigmoid', or the loss 'categorical_crossentropy'"
            )
        if "categorical" in self.loss.name and self.units < 2:
            raise ArchitectureError(
                f"{where}: units = {self.units} with loss = {self.loss.name!r}; expected one unit "
                "per class, at least 2, or the loss 'binary_crossentropy'"
            )
        if self.last_activation == "softmax" and self.units < 2:
            raise ArchitectureError(
                f"{where}: units = {self.units} with activation = 'softmax', which is then always "
                "1; expected at least 2 units"
            )

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Architecture:
        """Make an architecture from plain data.

        Parameters
        ----------
        table
            ``{"input_shape": [2], "loss": "binary_crossentropy", "layers": [{"type": "dense",
            "units": 4, "activation": "relu"}, ...]}``; a layer's other keys are its fields.

        Raises
        ------
        ArchitectureError
            If a key is missing, unknown or wrong.
        """
        if not isinstance(table, Mapping):
            raise ArchitectureError(f"architecture = {table!r}; expected a table")
        check_keys(table, [field.name for field in dataclasses.fields(cls)])
        for name in ("input_shape", "layers", "loss"):
            if name not in table:
                raise ArchitectureError(f"{name} is missing")
        if isinstance(table["layers"], str | Mapping) or not isinstance(table["layers"], Sequence):
            raise ArchitectureError(f"layers = {table['layers']!r}; expected a list of tables")
        layers = tuple(_layer_from_dict(i, entry) for i, entry in enumerate(table["layers"]))
        return cls(**{**table, "layers": layers})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; fields at their default are left out."""
        table: dict[str, Any] = {
            "input_shape": list(self.input_shape),
            "loss": loss_to_data(self.loss),
        }
        if self.backend != "tensorflow":
            table["backend"] = self.backend
        return {**table, "layers": [_layer_to_dict(layer) for layer in self.layers]}

    @classmethod
    def from_toml(cls, text: str) -> Architecture:
        """Make an architecture from TOML, in the form that `to_toml` writes.

        Raises
        ------
        ArchitectureError
            If the text is not TOML, or not an architecture.
        """
        import tomllib  # here, because most programs never read TOML

        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ArchitectureError(f"not TOML: {error}") from None
        return cls.from_dict(table)

    def to_toml(self) -> str:
        """Return the architecture as TOML."""
        table = self.to_dict()
        layers = table.pop("layers")
        lines = [f"{key} = {_toml_value(value)}" for key, value in table.items()]
        for layer in layers:
            lines += ["", "[[layers]]"]
            lines += [f"{key} = {_toml_value(value)}" for key, value in layer.items()]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_article(
        cls, layers: Sequence[Mapping[str, Any]], loss: str = "binary_crossentropy"
    ) -> Architecture:
        """Make an architecture from the article's list.

        Parameters
        ----------
        layers
            ``[{"input_dim": 2, "output_dim": 4, "activation": "relu"}, ...]``
        loss
            The article has binary cross-entropy only.

        Raises
        ------
        ArchitectureError
            If an entry is wrong, or its input does not fit the output before it.
        """
        if not layers:
            raise ArchitectureError("layers is empty; expected at least one layer")
        for index, entry in enumerate(layers):
            for key in ("input_dim", "output_dim", "activation"):
                if key not in entry:
                    raise ArchitectureError(f"layers[{index}]: {key} is missing")
            if index and entry["input_dim"] != layers[index - 1]["output_dim"]:
                raise ArchitectureError(
                    f"layers[{index}]: input_dim = {entry['input_dim']!r}; expected "
                    f"{layers[index - 1]['output_dim']!r}, the output_dim before it"
                )
        return cls.from_dict(
            {
                "input_shape": [layers[0]["input_dim"]],
                "loss": loss,
                "layers": [
                    {
                        "type": "dense",
                        "units": entry["output_dim"],
                        "activation": entry["activation"],
                        "kernel_initializer": "article",
                        "bias_initializer": "article",
                    }
                    for entry in layers
                ],
            }
        )


def _checked_shape(shape: object) -> tuple[int, ...]:
    if (
        not isinstance(shape, Sequence)
        or isinstance(shape, str)
        or not shape
        or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape)
    ):
        raise ArchitectureError(
            f"input_shape = {shape!r}; expected positive integers, as [2] or [28, 28, 1]"
        )
    return tuple(shape)


def _named(layers: object) -> tuple[Layer, ...]:
    """Give every layer a name and check that no two share one."""
    if not isinstance(layers, Sequence) or isinstance(layers, str) or not layers:
        raise ArchitectureError(f"layers = {layers!r}; expected at least one layer")
    numbers: Counter[str] = Counter()
    named: list[Layer] = []
    for index, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise ArchitectureError(f"layers[{index}] = {layer!r}; expected a layer")
        numbers[layer.kind] += 1
        if not isinstance(layer.name, str) or "/" in layer.name or layer.name == INPUT:
            raise ArchitectureError(
                f"layers[{index}]: name = {layer.name!r}; expected a string without '/', and not "
                f"{INPUT!r}, which is the network's input"
            )
        if isinstance(layer.inputs, str) or not all(isinstance(n, str) for n in layer.inputs):
            raise ArchitectureError(
                f"layers[{index}]: inputs = {layer.inputs!r}; expected a list of layers' names"
            )
        # Every layer is a dataclass, which the abstract class cannot say.
        fresh: Any = layer
        name = layer.name or f"{layer.kind}_{numbers[layer.kind]}"
        named.append(replace(fresh, name=name, inputs=tuple(layer.inputs)))
        if named[-1].name in [other.name for other in named[:-1]]:
            raise ArchitectureError(
                f"layers[{index}]: name = {named[-1].name!r} is taken; expected another name"
            )
    return tuple(named)


def _layer_from_dict(index: int, entry: object) -> Layer:
    where = f"layers[{index}]"
    if not isinstance(entry, Mapping):
        raise ArchitectureError(f"{where} = {entry!r}; expected a table")
    if isinstance(entry.get("name"), str) and entry["name"]:
        where += f" ({entry['name']})"
    kind = entry.get("type", Dense.kind)
    options = {key: value for key, value in entry.items() if key != "type"}
    try:
        check_choice("type", kind, LAYERS)
        layer: Any = LAYERS[kind]
        fields = dataclasses.fields(layer)
        check_keys(options, ["type", *(field.name for field in fields)])
        for field in fields:
            if _is_required(field) and field.name not in options:
                raise ArchitectureError(f"{field.name} is missing")
        options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        made: Layer = layer(**options)
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from None
    return made


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _layer_to_dict(layer: Layer) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": layer.kind}
    specification: Any = layer
    fields = dataclasses.fields(specification)
    # What every layer has comes last.
    common = {field.name for field in dataclasses.fields(Layer)}
    for field in sorted(fields, key=lambda field: field.name in common):
        value = getattr(layer, field.name)
        if _is_required(field) or value != field.default:
            entry[field.name] = _plain(value)
    return entry


def _plain(value: object) -> object:
    if isinstance(value, Regularizer):
        return regularizer_to_dict(value)
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A JSON string is a TOML string, but for the one control character that JSON lets stand.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml_value(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return repr(value)

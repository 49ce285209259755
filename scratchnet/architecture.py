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
from scratchnet.layers import LAYERS, Dense, Layer
from scratchnet.losses import LOSSES


@dataclass(frozen=True)
class Architecture:
    """A feed-forward network and the loss it is trained on.

    Parameters
    ----------
    input_shape
        Shape of one sample, ``(features,)``.
    layers
        At least one. A layer without a name is named by its kind and number: ``dense_1`` ...
    loss
        A name in `scratchnet.losses.LOSSES`.
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
    loss: str
    backend: str = "tensorflow"

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", _checked_shape(self.input_shape))
        object.__setattr__(self, "layers", _named(self.layers))
        check_choice("loss", self.loss, LOSSES)
        check_choice("backend", self.backend, CONVENTIONS)
        self.shapes()
        self._check_loss()

    @property
    def units(self) -> int:
        """Number of outputs of the last layer."""
        return self.shapes()[-1][0]

    @property
    def last_activation(self) -> str:
        """Activation of the last layer."""
        last = self.layers[-1]
        return last.activation if isinstance(last, Dense) else "linear"

    @property
    def fused(self) -> bool:
        """Whether the loss works on the last layer's logits, as Keras on TensorFlow does."""
        return self.conventions.fuses_loss and (
            self.last_activation in LOSSES[self.loss].fuses_with
        )

    @property
    def conventions(self) -> Conventions:
        """What Keras means on the network's backend."""
        return CONVENTIONS[self.backend]

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of one sample before the first layer and after each."""
        shapes = [self.input_shape]
        for index, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ArchitectureError as error:
                raise ArchitectureError(f"layers[{index}] ({layer.name}): {error}") from None
        return shapes

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its full name, in Keras's order."""
        return {
            f"{layer.name}/{short}": shape
            for layer, input_shape in zip(self.layers, self.shapes(), strict=False)
            for short, shape in layer.weight_shapes(input_shape).items()
        }

    def _check_loss(self) -> None:
        index, last = len(self.layers) - 1, self.layers[-1]
        where = f"layers[{index}] ({last.name})"
        if self.loss == "binary_crossentropy" and self.last_activation == "softmax":
            raise ArchitectureError(
                f"{where}: activation = 'softmax' with loss = 'binary_crossentropy'; expected "
                "'sigmoid', or the loss 'categorical_crossentropy'"
            )
        if "categorical" in self.loss and self.units < 2:
            raise ArchitectureError(
                f"{where}: units = {self.units} with loss = {self.loss!r}; expected one unit per "
                "class, at least 2, or the loss 'binary_crossentropy'"
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
        fields = dataclasses.fields(cls)
        check_keys(table, [field.name for field in fields])
        for field in fields:
            if field.default is dataclasses.MISSING and field.name not in table:
                raise ArchitectureError(f"{field.name} is missing")
        if isinstance(table["layers"], str | Mapping) or not isinstance(table["layers"], Sequence):
            raise ArchitectureError(f"layers = {table['layers']!r}; expected a list of tables")
        layers = tuple(_layer_from_dict(i, entry) for i, entry in enumerate(table["layers"]))
        return cls(**{**table, "layers": layers})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; fields at their default are left out."""
        table: dict[str, Any] = {"input_shape": list(self.input_shape), "loss": self.loss}
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
        or len(shape) != 1
        or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape)
    ):
        raise ArchitectureError(f"input_shape = {shape!r}; expected one positive integer, as [2]")
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
        if not isinstance(layer.name, str) or "/" in layer.name:
            raise ArchitectureError(
                f"layers[{index}]: name = {layer.name!r}; expected a string without '/'"
            )
        # Every layer is a dataclass, which the abstract class cannot say.
        fresh: Any = layer
        named.append(
            layer if layer.name else replace(fresh, name=f"{layer.kind}_{numbers[layer.kind]}")
        )
        if named[-1].name in [other.name for other in named[:-1]]:
            raise ArchitectureError(
                f"layers[{index}]: name = {named[-1].name!r} is taken; expected a name of its own"
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
            if field.default is dataclasses.MISSING and field.name not in options:
                raise ArchitectureError(f"{field.name} is missing")
        made: Layer = layer(**options)
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from None
    return made


def _layer_to_dict(layer: Layer) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": layer.kind}
    specification: Any = layer
    for field in dataclasses.fields(specification):
        value = getattr(layer, field.name)
        if field.default is dataclasses.MISSING or value != field.default:
            entry[field.name] = value
    return entry


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A JSON string is a TOML string, but for the one control character that JSON lets stand.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)

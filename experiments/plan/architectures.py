"""Networks as a plan writes them: in short by their sizes, or in full, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from experiments.plan.described import fields_of, registry_kind
from experiments.plan.kinds import Field, Form, Integer, Kind, List, Table
from experiments.plan.mistakes import PlanError
from scratchnet.architecture import Architecture
from scratchnet.errors import ArchitectureError
from scratchnet.layers import LAYERS, Dense

_INITIALIZERS = ("kernel_initializer", "bias_initializer")
_ELSEWHERE = {"backend": "beside architecture"}


@cache
def architecture_kind() -> Kind:
    """Return what a plan may have under ``architecture``."""
    full = {field.name: field for field in fields_of(Architecture, leave_out=("backend",))}
    dense = {field.name: field for field in fields_of(Dense)}
    layers = registry_kind(LAYERS, key="type", default=Dense.kind, bare=False)
    sizes = List(
        Integer(1), least=2, expected="inputs, then units per layer, as [2, 4, 1]; each >= 1"
    )
    short = Table(
        (
            Field("units", sizes, "Number of inputs, then units of each layer."),
            Field("activation", dense["activation"].kind, "Of the hidden layers.", default="relu"),
            Field("last_activation", dense["activation"].kind, "Of the last layer."),
            Field("loss", full["loss"].kind, "What is minimised."),
            *(dense[name] for name in _INITIALIZERS),
        ),
        elsewhere=_ELSEWHERE,
    )
    shape = List(Integer(1), least=1, expected="the shape of one sample, as [2]; each >= 1")
    entries = List(layers, least=1, expected="a list of tables, at least one layer")
    return Form(
        short,
        Table(
            (
                Field("input_shape", shape, "Shape of one sample."),
                Field("loss", full["loss"].kind, "What is minimised."),
                Field("layers", entries, "From the inputs to the outputs."),
            ),
            elsewhere=_ELSEWHERE,
        ),
    )


def read_architecture(table: Mapping[str, Any], backend: str) -> Architecture:
    """Make an architecture from its full form, or from a list of units.

    Raises
    ------
    PlanError
        If its layers do not go together.
    """
    full = _in_full(table) if "units" in table else table
    try:
        return Architecture.from_dict({**full, "backend": backend})
    except ArchitectureError as error:
        raise PlanError(str(error)) from None


def _in_full(table: Mapping[str, Any]) -> dict[str, Any]:
    """Write a short form out."""
    units = table["units"]
    initializers = {key: table[key] for key in _INITIALIZERS if key in table}
    activations = [table.get("activation", "relu")] * (len(units) - 2) + [table["last_activation"]]
    layers = [
        {"type": Dense.kind, "units": count, "activation": activation, **initializers}
        for count, activation in zip(units[1:], activations, strict=True)
    ]
    return {"input_shape": units[:1], "loss": table["loss"], "layers": layers}

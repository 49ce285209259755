"""A layer of somebody else's: ``a = x_1 * scale + x_2``, with all that it needs to exist."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from experiments.parity.exact.formulas.example import example
from experiments.parity.exact.formulas.examples import LAYER_EXAMPLES
from experiments.parity.exact.formulas.layers import LAYER
from experiments.parity.exact.formulas.place import Computed, Gradients
from scratchnet.errors import ArchitectureError
from scratchnet.layers import LAYERS, Dense, Layer, Pass, Weight
from scratchnet.tape import Tape


@dataclass(frozen=True)
class ScaledSum(Layer):
    kind: ClassVar[str] = "scaled_sum"

    def check_inputs(self, count):
        if count != 2:
            raise ArchitectureError("expected two inputs")

    def output_shape(self, *shapes):
        return shapes[0]

    def weights(self, *shapes):
        return {"scale": Weight(shapes[0][-1:], "ones")}

    def bind(self, inputs, parameters, plan):
        (x_1, x_2), outputs = (source.values for source in inputs), plan.outputs_of(self)
        scale = parameters[f"{self.name}/scale"]
        dscale = parameters.gradient(f"{self.name}/scale")
        dx_1, dx_2 = (source.claim_gradient() for source in inputs)
        a, da = outputs.values, outputs.gradient
        product = np.zeros_like(a)
        forward, backward = Tape(), Tape()
        forward.add(np.multiply, x_1, scale, out=product)
        forward.add(np.add, product, x_2, out=a)
        backward.add(np.multiply, da, x_1, out=product)
        backward.add(np.add.reduce, product, axis=0, out=dscale)
        if dx_1 is not None:
            backward.add(np.multiply, da, scale, out=dx_1, tensor="input_1")
        if dx_2 is not None:
            backward.add(np.copyto, da, out=dx_2, tensor="input_2")
        return Pass(outputs, forward, backward)


def formula(_layer, at):
    x_1, x_2 = at.inputs
    scale = at.weights["scale"]

    def backward(_a, da):
        return Gradients((da * scale, da), {"scale": (da * x_1).sum(axis=0)})

    return Computed(x_1 * scale + x_2, backward)


def register_twins():
    import keras

    from keras_baseline.twin import Twin
    from keras_baseline.twins import TWINS

    class KerasScaledSum(keras.layers.Layer):
        def build(self, shapes):
            self.scale = self.add_weight(
                shape=shapes[0][-1:], initializer="ones", name="scale", dtype=self.dtype
            )

        def call(self, inputs):
            return inputs[0] * self.scale + inputs[1]

        def compute_output_shape(self, shapes):
            return shapes[0]

    def make(layer, dtype):
        return KerasScaledSum(name=layer.name, dtype=dtype)

    TWINS[ScaledSum.kind] = Twin(make)


LAYERS[ScaledSum.kind] = ScaledSum
LAYER[ScaledSum.kind] = formula
LAYER_EXAMPLES[ScaledSum.kind] = (
    example(
        "two branches",
        (3,),
        Dense(4, "tanh", name="left"),
        Dense(4, name="right", inputs=("input",)),
        ScaledSum(inputs=("left", "right")),
        Dense(2),
    ),
)

"""Convolution over sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from scratchnet.activations import activation_of
from scratchnet.buffer import Buffer
from scratchnet.errors import ArchitectureError, check_boolean, check_choice, check_positive
from scratchnet.initializers import INITIALIZERS
from scratchnet.layers.base import Layer, Pass, Weight
from scratchnet.layers.patches import Patches, product, transposed
from scratchnet.layers.windows import (
    CAUSAL_PADDINGS,
    PADDINGS,
    Windows,
    as_sizes,
    check_padding,
    fit_windows,
)
from scratchnet.regularizers import Regularizer, as_regularizer
from scratchnet.tape import Tape

if TYPE_CHECKING:
    from scratchnet.batch_plan import BatchPlan
    from scratchnet.parameters import Parameters


@dataclass(frozen=True)
class Conv2D(Layer):
    """Convolution of images (``keras.layers.Conv2D``), and an activation ``a`` of it.

    ``z[h, w, f] = bias[f] + sum over i, j, c of x[h s + i d - p, w s + j d - p, c] kernel[i, j, c,
    f]`` with the stride ``s``, the dilation ``d`` and the padding before, ``p``. As everywhere in
    this field the kernel is not flipped.

    Parameters
    ----------
    filters
        Number of output channels.
    kernel_size, strides, dilation_rate
        An integer for all axes or one each. A stride and a dilation above 1 exclude each other.
    padding
        ``"valid"`` or ``"same"``, see `scratchnet.layers.windows.Windows`; `Conv1D` takes
        ``"causal"`` too.
    groups
        The channels are divided into so many parts, each with its share of the filters.
    activation
        A name in `scratchnet.activations.ACTIVATIONS`.
    use_bias
        Whether to add a bias.
    kernel_initializer, bias_initializer
        Names in `scratchnet.initializers.INITIALIZERS`.
    kernel_regularizer
        A regularizer, or its table as ``{"name": "l2", "l2": 0.01}``.
    name, inputs
        See `scratchnet.layers.Layer`.

    Raises
    ------
    ArchitectureError
        If a field is wrong, the channels cannot be divided, or the kernel does not fit.
    """

    kind: ClassVar[str] = "conv2d"
    rank: ClassVar[int] = 2
    paddings: ClassVar[tuple[str, ...]] = PADDINGS

    filters: int
    kernel_size: int | tuple[int, ...]
    strides: int | tuple[int, ...] = (1, 1)
    padding: str = "valid"
    dilation_rate: int | tuple[int, ...] = (1, 1)
    groups: int = 1
    activation: str = "linear"
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    kernel_regularizer: Regularizer | None = None

    def __post_init__(self) -> None:
        for field in ("filters", "groups"):
            check_positive(field, getattr(self, field))
        for field in ("kernel_size", "strides", "dilation_rate"):
            object.__setattr__(self, field, as_sizes(field, getattr(self, field), self.rank))
        check_padding(self.padding, self.paddings)
        check_strides(self.strides, self.dilation_rate)
        if self.filters % self.groups:
            raise ArchitectureError(
                f"filters = {self.filters} with groups = {self.groups}; expected a multiple"
            )
        check_boolean("use_bias", self.use_bias)
        activation_of(self.activation)
        check_choice("kernel_initializer", self.kernel_initializer, INITIALIZERS)
        check_choice("bias_initializer", self.bias_initializer, INITIALIZERS)
        regularizer = as_regularizer("kernel_regularizer", self.kernel_regularizer)
        object.__setattr__(self, "kernel_regularizer", regularizer)

    def windows(self, shape: tuple[int, ...]) -> tuple[Windows, ...]:
        """Return the windows over an input, axis by axis."""
        size, strides = (as_sizes("", n, self.rank) for n in (self.kernel_size, self.strides))
        dilation = as_sizes("", self.dilation_rate, self.rank)
        return fit_windows("kernel_size", shape, size, strides, self.padding, dilation)

    def output_shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``(windows, ..., filters)``."""
        counts = [axis.count for axis in self.windows(shapes[0])]
        if shapes[0][-1] % self.groups:
            raise ArchitectureError(
                f"groups = {self.groups} with {shapes[0][-1]} input channels; expected a divisor"
            )
        return (*counts, self.filters)

    def weights(self, *shapes: tuple[int, ...]) -> dict[str, Weight]:
        """Return kernel ``(size, ..., channels / groups, filters)`` and bias ``(filters,)``."""
        size = as_sizes("", self.kernel_size, self.rank)
        kernel = Weight(
            (*size, shapes[0][-1] // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        bias = Weight((self.filters,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def activation_name(self) -> str:
        """Return `activation`."""
        return self.activation

    def bind(self, inputs: tuple[Buffer, ...], parameters: Parameters, plan: BatchPlan) -> Pass:
        """Make the ops over the inputs.

        With ``patches`` the matrix of what every window reads (see `Patches`), a row of ones below
        it, and the bias as the last row of the kernel, this is a dense layer on every window::

            forward    z = kernel.T @ patches + bias      a = activation(z)
            backward   dz = da * activation'(z)
                       dkernel = patches @ dz.T           dbias = sum of dz over windows, samples
                       dpatches = kernel @ dz             dx = each added where it was read
        """
        [source] = inputs
        windows = self.windows(source.values.shape[1:])
        return convolve(self, source, parameters, plan, windows, self.groups)


@dataclass(frozen=True)
class Conv1D(Conv2D):
    """Convolution of sequences (``keras.layers.Conv1D``): `Conv2D` along one axis.

    With ``padding="causal"`` a window reads nothing that comes after it.
    """

    kind: ClassVar[str] = "conv1d"
    rank: ClassVar[int] = 1
    paddings: ClassVar[tuple[str, ...]] = CAUSAL_PADDINGS

    strides: int | tuple[int, ...] = (1,)
    dilation_rate: int | tuple[int, ...] = (1,)


@dataclass(frozen=True)
class Conv3D(Conv2D):
    """Convolution of volumes (``keras.layers.Conv3D``): `Conv2D` along three axes."""

    kind: ClassVar[str] = "conv3d"
    rank: ClassVar[int] = 3

    strides: int | tuple[int, ...] = (1, 1, 1)
    dilation_rate: int | tuple[int, ...] = (1, 1, 1)


def check_strides(strides: object, dilation: object) -> None:
    """Refuse a stride and a dilation above 1 at once, as Keras does.

    Raises
    ------
    ArchitectureError
        If both are.
    """
    assert isinstance(strides, tuple)
    assert isinstance(dilation, tuple)
    if max(strides) > 1 and max(dilation) > 1:
        raise ArchitectureError(
            f"strides = {list(strides)} with dilation_rate = {list(dilation)}; expected one of "
            "them to be 1"
        )


def convolve(
    layer: Any,
    source: Buffer,
    parameters: Parameters,
    plan: BatchPlan,
    windows: Sequence[Windows],
    groups: int,
) -> Pass:
    """Make the ops of a convolution, see `Conv2D.bind`; the layer says its name and activation."""
    x, dx, outputs = source.values, source.claim_gradient(), plan.outputs_of(layer)
    z = Buffer(plan.samples, outputs.values.shape[1:], x.dtype)
    patches = Patches(
        windows, x.shape[-1], plan.samples, x.dtype, groups=groups, ones=layer.use_bias
    )
    # Kernel and bias are neighbours in the arena, so together they are the taller kernel.
    names = ["kernel", "bias"] if layer.use_bias else ["kernel"]
    weights, dweights = (
        flat.reshape(-1, groups, z.values.shape[-1] // groups).swapaxes(0, 1)
        for flat in parameters.block([f"{layer.name}/{name}" for name in names])
    )
    z_matrices, dz_matrices = (
        matrix.reshape(groups, -1, matrix.shape[-1]) for matrix in (z.matrix, z.gradient_matrix)
    )
    a, da, dz = outputs.values, outputs.gradient, z.gradient
    scratch, activation = plan.scratch(dz), activation_of(layer.activation)

    forward, backward = Tape(), Tape()
    patches.gather(forward, x)
    product(forward, transposed(weights), patches.matrices, z_matrices, "pre_activation")
    activation.forward(forward, z.values, a, scratch)

    activation.backward(backward, z.values, a, da, dz, scratch)
    backward.name_last("pre_activation_gradient")
    product(backward, patches.matrices, transposed(dz_matrices), dweights)
    if dx is not None:
        dpatches = Patches(windows, x.shape[-1], plan.samples, x.dtype, groups=groups)
        kernel = weights[:, : dpatches.matrices.shape[1]]
        product(backward, kernel, dz_matrices, dpatches.matrices)
        dpatches.scatter(backward, dx)
        backward.name_last("input")
    return Pass(
        outputs,
        forward,
        backward,
        tensors={"pre_activation": z.values, "pre_activation_gradient": dz},
    )

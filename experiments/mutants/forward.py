"""Mistakes in the forward pass of scratchnet."""

from experiments.mutants.mutant import Mutant

_ACTIVATIONS, _DENSE = "activations/basic.py", "layers/dense.py"
_PRODUCT = "np.dot(self._weights_T, self._x_T, out=self._z_T)"


def _pre_activation(name: str, new: str, scene: str, tensor: str, code: str) -> Mutant:
    """Make a mutant that computes ``z``, or changes it after it was computed."""
    new = new if "_z_T" in new or "[...]" in new else f"{_PRODUCT}\n{new}"
    function = "DensePass.forward_pre_activation"
    return Mutant(name, _DENSE, function, "", new, scene, f"{tensor}/pre_activation", code)


def _activation(
    name: str, new: str, scene: str, tensor: str, code: str, dtypes: str = "float32 float64"
) -> Mutant:
    """Make a mutant of the activation function that the name begins with."""
    return Mutant(
        name,
        _ACTIVATIONS,
        name.partition(" ")[0],
        "",
        new,
        scene,
        f"{tensor}/activation",
        code,
        tuple(dtypes.split()),
    )


FORWARD = (
    _pre_activation(
        "bias not added",
        "np.dot(self._kernel.T, self._x_T[: len(self._kernel)], out=self._z_T)",
        "article",
        "dense_1",
        "bias_missing",
    ),
    _pre_activation(
        "bias subtracted",
        "self.pre_activation -= 2 * self._weights_T[:, -1]",
        "sparse",
        "dense_1",
        "bias_subtracted",
    ),
    _pre_activation(
        "bias added twice",
        "self.pre_activation += self._weights_T[:, -1]",
        "regression",
        "dense_1",
        "bias_twice",
    ),
    _pre_activation(
        "bias of the first unit for all",
        "self.pre_activation += self._weights_T[0, -1] - self._weights_T[:, -1]",
        "outputs",
        "dense_1",
        "bias_first_only",
    ),
    _pre_activation(
        "bias in reverse order",
        "self.pre_activation += self._weights_T[::-1, -1] - self._weights_T[:, -1]",
        "article",
        "dense_1",
        "bias_reversed",
    ),
    _pre_activation(
        "kernel transposed",
        "self.pre_activation[...] = self._x_T[:-1].T @ self._kernel.T + self._weights_T[:, -1]",
        "square",
        "dense_1",
        "kernel_transposed",
    ),
    _pre_activation(
        "last input left out",
        "self._z_T[...] = (self._weights_T * [*[1] * (len(self._kernel) - 1), 0, 1]) @ self._x_T",
        "article",
        "dense_1",
        "input_missing",
    ),
    _pre_activation(
        "first input left out",
        "self._z_T[...] = self._weights_T[:, 1:] @ self._x_T[1:]",
        "momentum",
        "dense_1",
        "input_missing",
    ),
    _pre_activation(
        "kernel without its signs",
        "self._z_T[...] = np.abs(self._kernel.T) @ self._x_T[:-1] + self._weights_T[:, -1:]",
        "probabilities",
        "dense_1",
        "kernel_absolute",
    ),
    Mutant(
        "column of ones is zeros",
        "layers/base.py",
        "Buffer.__init__",
        "np.ones((samples, units + 1)",
        "np.zeros((samples, units + 1)",
        "article",
        "dense_1/pre_activation",
        "bias_missing",
    ),
    Mutant(
        "inputs through float32",
        "network.py",
        "Network.check_inputs",
        "np.asarray(x, self.dtype)",
        "np.asarray(np.asarray(x, np.float32), self.dtype)",
        "article",
        "dense_1/pre_activation",
        "input_through_float32",
        ("float64",),
    ),
    Mutant(
        "weights through float32",
        "parameters.py",
        "Parameters.assign",
        "self[name][...] = weights[name]",
        "self[name][...] = np.asarray(weights[name], np.float32)",
        "no bias",
        "dense_1/pre_activation",
        "kernel_through_float32",
        ("float64",),
    ),
    _activation("relu of |z|", "np.abs(z, out=a)", "article", "dense_1", "absolute_value"),
    _activation("relu that leaks", "np.maximum(z, 0.01 * z, out=a)", "sparse", "dense_1", "leaky"),
    _activation("relu up to 6", "np.clip(z, 0, 6, out=a)", "saturated", "dense_1", "capped"),
    _activation(
        "relu with the minimum",
        "np.minimum(z, scratch.zeros, out=a)",
        "square",
        "dense_1",
        "minimum_for_maximum",
    ),
    _activation("relu as a step", "np.copyto(a, z > 0)", "momentum", "dense_1", "step_function"),
    _activation(
        "relu smoothed",
        "np.log1p(np.exp(-np.abs(z)), out=a)\na += np.maximum(z, 0)",
        "article",
        "dense_1",
        "wrong_activation",
    ),
    _activation(
        "sigmoid without the minus",
        "a[...] = 1 / (1 + np.exp(z))",
        "outputs",
        "dense_1",
        "argument_sign",
    ),
    _activation("sigmoid is a tanh", "np.tanh(z, out=a)", "outputs", "dense_1", "wrong_activation"),
    _activation(
        "sigmoid by a tanh of z",
        "a[...] = (1 + np.tanh(z)) / 2",
        "outputs",
        "dense_1",
        "argument_factor",
    ),
    _activation(
        "sigmoid made hard",
        "np.clip(z / 6 + 0.5, 0, 1, out=a)",
        "regression",
        "dense_2",
        "wrong_activation",
    ),
    _activation(
        "sigmoid with e = 2.718",
        "a[...] = 1 / (1 + np.power(z.dtype.type(2.718), -z))",
        "outputs",
        "dense_1",
        "euler_number",
    ),
    _activation(
        "sigmoid of half of z",
        "a[...] = 1 / (1 + np.exp(-z / 2))",
        "sparse distribution",
        "dense_1",
        "argument_factor",
    ),
    _activation(
        "tanh is a sigmoid",
        "a[...] = 1 / (1 + np.exp(-z))",
        "regression",
        "dense_1",
        "wrong_activation",
    ),
    _activation(
        "tanh by a sigmoid of z",
        "a[...] = 2 / (1 + np.exp(-z)) - 1",
        "square",
        "dense_2",
        "argument_factor",
    ),
    _activation("tanh twice", "np.tanh(np.tanh(z), out=a)", "clipped", "dense_1", "applied_twice"),
    _activation(
        "softmax over the samples",
        "e = np.exp(z - z.max(axis=0))\na[...] = e / e.sum(axis=0)",
        "square",
        "dense_3",
        "wrong_axis",
    ),
    _activation(
        "softmax without its sum",
        "a[...] = np.exp(z - z.max(axis=1, keepdims=True))",
        "distribution",
        "dense_1",
        "normalisation_missing",
    ),
    _activation(
        "softmax without its shift",
        "e = np.exp(z)\na[...] = e / e.sum(axis=1, keepdims=True)",
        "overflowing",
        "dense_2",
        "shift_missing",
    ),
    _activation(
        "softmax with an epsilon",
        "e = np.exp(z - z.max(axis=1, keepdims=True))\n"
        "a[...] = e / (e.sum(axis=1, keepdims=True) + 1e-8)",
        "sparse",
        "dense_2",
        "epsilon_in_softmax",
        "float64",
    ),
    _activation(
        "softmax of -z",
        "e = np.exp(-z + z.min(axis=1, keepdims=True))\na[...] = e / e.sum(axis=1, keepdims=True)",
        "distribution",
        "dense_1",
        "argument_sign",
    ),
    _activation(
        "linear is a relu", "np.maximum(z, 0, out=a)", "regression", "dense_3", "wrong_activation"
    ),
)

"""Mistakes in the backward pass of scratchnet."""

from experiments.mutants.mutant import Mutant

_DENSE = "layers/dense.py"
_GRADIENT = "np.dot(self._x_T, self.pre_activation_gradient, out=self._weights_gradient)"
_INPUT_GRADIENT = "np.dot(self._kernel, self._dz_T, out=self._dx_T)"


def _activation(name: str, new: str, scene: str, layer: str, code: str) -> Mutant:
    """Make a mutant of the derivative of the activation that the name begins with."""
    function = f"{name.partition(' ')[0]}_backward"
    tensor = f"{layer}/pre_activation_gradient"
    return Mutant(f"d {name}", "activations/basic.py", function, "", new, scene, tensor, code)


def _weights(name: str, new: str, scene: str, tensor: str, code: str) -> Mutant:
    """Make a mutant of the weights' gradients: the line, or lines after it."""
    new = (
        new if "_weights_gradient[...]" in new or "np.dot" in new else f"{_GRADIENT}\n        {new}"
    )
    return Mutant(name, _DENSE, "DensePass.backward_weights", _GRADIENT, new, scene, tensor, code)


def _inputs(name: str, new: str, scene: str, tensor: str, code: str) -> Mutant:
    return Mutant(
        name, _DENSE, "DensePass.backward_weights", _INPUT_GRADIENT, new, scene, tensor, code
    )


BACKWARD = (
    _activation("relu passes at 0", "dz[...] = (z >= 0) * da", "zeros", "dense_1", "mask_at_zero"),
    _activation("relu missing", "np.copyto(dz, da)", "article", "dense_2", "derivative_missing"),
    _activation(
        "relu times a",
        "np.multiply(da, a, out=dz)",
        "article",
        "dense_2",
        "derivative_is_activation",
    ),
    _activation("relu inverted", "dz[...] = (a <= 0) * da", "sparse", "dense_1", "mask_inverted"),
    _activation(
        "relu by the gradient's sign",
        "np.maximum(da, 0, out=dz)",
        "square",
        "dense_1",
        "mask_of_gradient",
    ),
    _activation(
        "relu that leaks",
        "dz[...] = np.where(a > 0, 1, 0.01).astype(dz.dtype) * da",
        "article",
        "dense_2",
        "leaky",
    ),
    _activation(
        "relu is the mask alone",
        "np.copyto(dz, a > 0)",
        "momentum",
        "dense_1",
        "mask_without_gradient",
    ),
    _activation("relu from 1 on", "dz[...] = (z > 1) * da", "article", "dense_2", "mask_at_one"),
    _activation(
        "sigmoid without a", "dz[...] = da * (1 - a)", "outputs", "dense_1", "factor_a_missing"
    ),
    _activation(
        "sigmoid without 1 - a", "dz[...] = da * a", "outputs", "dense_1", "factor_1_a_missing"
    ),
    _activation(
        "sigmoid as tanh", "dz[...] = da * (1 - a**2)", "outputs", "dense_1", "wrong_derivative"
    ),
    _activation(
        "sigmoid with a plus",
        "dz[...] = da * a * (1 + a)",
        "regression",
        "dense_2",
        "sign_in_derivative",
    ),
    _activation(
        "sigmoid at a",
        "s = 1 / (1 + np.exp(-a))\ndz[...] = da * s * (1 - s)",
        "outputs",
        "dense_1",
        "derivative_of_activation",
    ),
    _activation(
        "sigmoid of z",
        "dz[...] = da * z * (1 - z)",
        "sparse distribution",
        "dense_1",
        "derivative_at_z",
    ),
    _activation(
        "sigmoid missing",
        "np.copyto(dz, da)",
        "regression",
        "dense_2",
        "derivative_missing",
    ),
    _activation("tanh unsquared", "dz[...] = da * (1 - a)", "square", "dense_2", "square_missing"),
    _activation(
        "tanh as sigmoid",
        "dz[...] = da * a * (1 - a)",
        "probabilities",
        "dense_1",
        "wrong_derivative",
    ),
    _activation(
        "tanh with a plus",
        "dz[...] = da * (1 + a**2)",
        "regression",
        "dense_1",
        "sign_in_derivative",
    ),
    _activation("tanh of z", "dz[...] = da * (1 - z**2)", "clipped", "dense_1", "derivative_at_z"),
    _activation(
        "tanh at a",
        "dz[...] = da * (1 - np.tanh(a) ** 2)",
        "square",
        "dense_2",
        "derivative_of_activation",
    ),
    _activation("tanh missing", "np.copyto(dz, da)", "regression", "dense_1", "derivative_missing"),
    _activation(
        "softmax by its diagonal",
        "dz[...] = da * a * (1 - a)",
        "distribution",
        "dense_1",
        "softmax_diagonal",
    ),
    _activation(
        "softmax without the sum",
        "dz[...] = da * a",
        "distribution",
        "dense_1",
        "softmax_sum_missing",
    ),
    _activation(
        "softmax over the samples",
        "dz[...] = a * (da - (a * da).sum(axis=0))",
        "distribution",
        "dense_1",
        "wrong_axis",
    ),
    _activation(
        "softmax without its factor",
        "dz[...] = da - (a * da).sum(axis=1, keepdims=True)",
        "distribution",
        "dense_1",
        "softmax_factor_missing",
    ),
    _activation(
        "softmax with the sum of da",
        "dz[...] = a * (da - da.sum(axis=1, keepdims=True))",
        "distribution",
        "dense_1",
        "sum_without_a",
    ),
    _activation(
        "softmax with the mean",
        "dz[...] = a * (da - (a * da).mean(axis=1, keepdims=True))",
        "distribution",
        "dense_1",
        "softmax_sum_mean",
    ),
    _activation("linear times a", "dz[...] = da * a", "regression", "dense_3", "extra_factor"),
    _weights(
        "weights' gradient divided by m again",
        "self._weights_gradient /= len(self.pre_activation_gradient)",
        "article",
        "dense_3/kernel_gradient",
        "batch_size_twice",
    ),
    _weights(
        "kernel gradient transposed",
        "self._weights_gradient[:-1] = self._weights_gradient[:-1].T.copy()",
        "square",
        "dense_3/kernel_gradient",
        "transposed",
    ),
    _weights(
        "kernel gradient of the layer's own activation",
        "self._weights_gradient[...] = self.outputs.with_ones.T @ self.pre_activation_gradient",
        "square",
        "dense_3/kernel_gradient",
        "own_activation",
    ),
    _weights(
        "weights' gradient of da",
        "np.dot(self._x_T, self.outputs.gradient, out=self._weights_gradient)",
        "regression",
        "dense_2/kernel_gradient",
        "derivative_missing",
    ),
    _weights(
        "weights' gradient without the last sample",
        "np.dot(self._x_T[:, :-1], self.pre_activation_gradient[:-1], out=self._weights_gradient)",
        "article",
        "dense_3/kernel_gradient",
        "last_sample_missing",
    ),
    _weights(
        "weights' gradient of the first sample",
        "np.dot(self._x_T[:, :1], self.pre_activation_gradient[:1], out=self._weights_gradient)",
        "sparse",
        "dense_2/kernel_gradient",
        "first_sample_only",
    ),
    _weights(
        "weights' gradient of the last sample",
        "np.dot(self._x_T[:, -1:], self.pre_activation_gradient[-1:], out=self._weights_gradient)",
        "momentum",
        "dense_2/kernel_gradient",
        "last_sample_only",
    ),
    _weights(
        "kernel gradient of input signs",
        "self._weights_gradient[...] = np.sign(self._x_T) @ self.pre_activation_gradient",
        "regression",
        "dense_3/kernel_gradient",
        "input_sign",
    ),
    _weights(
        "kernel gradient: sign",
        "self._weights_gradient[:-1] *= -1",
        "outputs",
        "dense_2/kernel_gradient",
        "sign",
    ),
    _weights(
        "kernel gradient with the kernel added",
        "self._weights_gradient[:-1] += self._kernel",
        "article",
        "dense_3/kernel_gradient",
        "weight_decay",
    ),
    _weights(
        "bias gradient is a mean",
        "self._weights_gradient[-1] /= len(self.pre_activation_gradient)",
        "article",
        "dense_3/bias_gradient",
        "batch_size_twice",
    ),
    _weights(
        "bias gradient forgotten",
        "self._weights_gradient[-1] = 0",
        "sparse",
        "dense_2/bias_gradient",
        "zero",
    ),
    _weights(
        "bias gradient summed over the units",
        "self._weights_gradient[-1] = self.pre_activation_gradient.sum()",
        "regression",
        "dense_3/bias_gradient",
        "units_summed",
    ),
    _weights(
        "bias gradient: sign",
        "self._weights_gradient[-1] *= -1",
        "square",
        "dense_3/bias_gradient",
        "sign",
    ),
    _weights(
        "bias gradient of the first sample",
        "self._weights_gradient[-1] = self.pre_activation_gradient[0]",
        "outputs",
        "dense_2/bias_gradient",
        "first_sample_only",
    ),
    _weights(
        "bias gradient of da",
        "self._weights_gradient[-1] = self.outputs.gradient.sum(axis=0)",
        "regression",
        "dense_2/bias_gradient",
        "derivative_missing",
    ),
    _weights(
        "gradients pile up",
        "self._weights_gradient += getattr(self, '_before', 0)\n"
        "        self._before = self._weights_gradient.copy()",
        "article",
        "dense_3/kernel_gradient",
        "factor_2",
    ),
    _inputs(
        "input gradient with the kernel transposed",
        "np.dot(self._kernel.T, self._dz_T, out=self._dx_T)",
        "square",
        "dense_2/activation_gradient",
        "kernel_transposed",
    ),
    _inputs(
        "input gradient of da",
        "np.dot(self._kernel, self.outputs.gradient.T, out=self._dx_T)",
        "regression",
        "dense_1/activation_gradient",
        "derivative_missing_after",
    ),
    _inputs(
        "input gradient without the kernel's signs",
        "np.dot(np.abs(self._kernel), self._dz_T, out=self._dx_T)",
        "article",
        "dense_2/activation_gradient",
        "kernel_absolute",
    ),
    _inputs(
        "input gradient divided by m",
        "np.dot(self._kernel, self._dz_T / len(self._dz_T.T), out=self._dx_T)",
        "sparse",
        "dense_1/activation_gradient",
        "batch_size_twice",
    ),
    _inputs(
        "input gradient: sign",
        "np.dot(-self._kernel, self._dz_T, out=self._dx_T)",
        "no bias",
        "dense_1/activation_gradient",
        "sign",
    ),
    Mutant(
        "second layer taken for the first",
        "network.py",
        "BatchPlan.__init__",
        "first=not self.passes",
        "first=len(self.passes) < 2",
        "article",
        "dense_1/activation_gradient",
        "zero",
    ),
    Mutant(
        "backward stops before the first layer",
        "network.py",
        "BatchPlan.backward",
        "self.passes[-2::-1]",
        "self.passes[-2:0:-1]",
        "article",
        "dense_1/pre_activation_gradient",
        "zero",
    ),
    Mutant(
        "backward goes forward",
        "network.py",
        "BatchPlan.backward",
        "self.passes[-2::-1]",
        "self.passes[:-1]",
        "square",
        "dense_1/pre_activation_gradient",
        "zero",
    ),
)

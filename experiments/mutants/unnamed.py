"""Mistakes that the catalogue of known ones has no name for: found and pinned all the same."""

from experiments.mutants.mutant import Mutant

_GRADIENT = "np.dot(self._x_T, self.pre_activation_gradient, out=self._weights_gradient)"


def _unnamed(
    name: str, file: str, function: str, old: str, new: str, scene: str, tensor: str
) -> Mutant:
    return Mutant(name, file, function, old, new, scene, tensor)


def _weights(name: str, then: str, scene: str, tensor: str) -> Mutant:
    function = "DensePass.backward_weights"
    new = f"{_GRADIENT}\n        {then}"
    return _unnamed(name, "layers/dense.py", function, _GRADIENT, new, scene, tensor)


UNNAMED = (
    _unnamed(
        "inputs centred in the layer",
        "layers/dense.py",
        "DensePass.forward_pre_activation",
        "",
        "np.dot(self._weights_T, self._x_T, out=self._z_T)\n"
        "self.pre_activation -= self.pre_activation.mean(axis=0)",
        "article",
        "dense_1/pre_activation",
    ),
    _unnamed(
        "half of the units dropped",
        "activations/basic.py",
        "relu",
        "",
        "np.maximum(z, scratch.zeros, out=a)\na[:, ::2] = 0",
        "sparse",
        "dense_1/activation",
    ),
    _unnamed(
        "softmax of squares",
        "activations/basic.py",
        "softmax",
        "np.exp(a, out=a)",
        "np.exp(a * np.abs(a), out=a)",
        "no bias",
        "dense_2/activation",
    ),
    _unnamed(
        "binary loss: a sign between the terms",
        "losses.py",
        "BinaryCrossentropy.forward",
        "np.subtract(loss, other, out=loss)",
        "np.add(loss, other, out=loss)",
        "article",
        "loss",
    ),
    _unnamed(
        "binary loss: focal",
        "losses.py",
        "BinaryCrossentropy.forward",
        "return np.add.reduce(loss, axis=None)",
        "return np.add.reduce(loss**2, axis=None)",
        "outputs",
        "loss",
    ),
    _unnamed(
        "tanh' with a cube",
        "activations/basic.py",
        "tanh_backward",
        "",
        "dz[...] = da * (1 - a**3)",
        "regression",
        "dense_1/pre_activation_gradient",
    ),
    _unnamed(
        "relu' of another sample",
        "activations/basic.py",
        "relu_backward",
        "",
        "dz[...] = da * (a[::-1] > 0)",
        "square",
        "dense_1/pre_activation_gradient",
    ),
    _weights(
        "gradients clipped at 0.05",
        "np.clip(self._weights_gradient, -0.05, 0.05, out=self._weights_gradient)",
        "article",
        "dense_3/kernel_gradient",
    ),
    _weights(
        "the last unit's gradient forgotten",
        "self._weights_gradient[:, -1] = 0",
        "regression",
        "dense_3/kernel_gradient",
    ),
    _weights(
        "one element of the gradient a millionth off",
        "self._weights_gradient[0, 0] *= 1 + 1e-6",
        "outputs",
        "dense_2/kernel_gradient",
    ),
    _unnamed(
        "rmsprop: the mean of the batch's norm",
        "optimizers.py",
        "RMSprop.apply",
        "np.multiply(gradients, gradients, out=step)",
        "step[...] = np.mean(gradients * gradients)",
        "regression",
        "dense_1/kernel_velocity",
    ),
    _unnamed(
        "adam: the square of the mean",
        "optimizers.py",
        "Adam.apply",
        "np.multiply(gradients, gradients, out=step)",
        "np.multiply(m, m, out=step)",
        "sparse",
        "dense_1/kernel_velocity",
    ),
)

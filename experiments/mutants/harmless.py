"""Variants that change nothing but rounding, and right networks that are hard to compare."""

from experiments.mutants.mutant import DTYPES, Mutant

_ACTIVATIONS, _DENSE, _LOSSES = "activations/basic.py", "layers/dense.py", "losses.py"
_PRODUCT = "DensePass.forward_pre_activation"
_WEIGHTS = "DensePass.backward_weights"
_GRADIENT = "np.dot(self._x_T, self.pre_activation_gradient, out=self._weights_gradient)"


def _variant(
    name: str,
    file: str,
    function: str,
    old: str,
    new: str,
    scene: str,
    dtypes: tuple[str, ...] = DTYPES,
) -> Mutant:
    return Mutant(name, file, function, old, new, scene, dtypes=dtypes)


def _in_order(name: str, order: str, scene: str) -> Mutant:
    """Make a variant that sums the products of the forward pass one by one."""
    new = f"""self.pre_activation[...] = 0
for i in {order}(range(len(self._x_T))):
    self.pre_activation += np.outer(self._x_T[i], self._weights_T[:, i])"""
    return _variant(name, _DENSE, _PRODUCT, "", new, scene)


HARMLESS = (
    _variant("nothing changed", _DENSE, _PRODUCT, "np.dot", "np.dot", "article"),
    _in_order("products summed from the first", "list", "article"),
    _in_order("products summed from the last", "reversed", "sparse"),
    _in_order("products of a wide layer summed from the first", "list", "wide"),
    _in_order("products of a wide layer summed from the last", "reversed", "wide"),
    _in_order("products of uncentred inputs summed from the first", "list", "uncentred"),
    _in_order("products of uncentred inputs summed from the last", "reversed", "uncentred"),
    _in_order("products of large inputs summed from the last", "reversed", "large"),
    _in_order("products of small inputs summed from the last", "reversed", "small"),
    _in_order("products before saturation summed from the last", "reversed", "saturated"),
    _in_order("products before overflow summed from the last", "reversed", "overflowing"),
    _variant(
        "bias added apart",
        _DENSE,
        _PRODUCT,
        "",
        "self.pre_activation[...] = self._x_T[:-1].T @ self._kernel + self._weights_T[:, -1]",
        "square",
    ),
    _variant(
        "einsum for matmul",
        _DENSE,
        _PRODUCT,
        "",
        "np.einsum('jn,ij->ni', self._x_T, self._weights_T, out=self.pre_activation)",
        "regression",
    ),
    _variant(
        "product in another memory order",
        _DENSE,
        _PRODUCT,
        "",
        "self.pre_activation[...] = np.ascontiguousarray(self._x_T.T) @ self._weights_T.T.copy()",
        "wide",
    ),
    _variant(
        "product in higher precision",
        _DENSE,
        _PRODUCT,
        "",
        "self._z_T[...] = self._weights_T.astype(np.longdouble) @ self._x_T",
        "uncentred",
    ),
    _variant(
        "bias gradient summed apart",
        _DENSE,
        _WEIGHTS,
        _GRADIENT,
        f"{_GRADIENT}\n"
        "        self._weights_gradient[-1] = self.pre_activation_gradient.sum(axis=0)",
        "article",
    ),
    _variant(
        "weights' gradient summed sample by sample",
        _DENSE,
        _WEIGHTS,
        _GRADIENT,
        "self._weights_gradient[...] = sum(\n"
        "            np.outer(x, d) for x, d in zip(self._x_T.T, self.pre_activation_gradient)\n"
        "        )",
        "wide",
    ),
    _variant(
        "weights' gradient summed from the last sample",
        _DENSE,
        _WEIGHTS,
        _GRADIENT,
        "self._weights_gradient[...] = self._x_T[:, ::-1] @ self.pre_activation_gradient[::-1]",
        "sparse",
    ),
    _variant(
        "input gradient by einsum",
        _DENSE,
        _WEIGHTS,
        "np.dot(self._kernel, self._dz_T, out=self._dx_T)",
        "np.einsum('ij,jn->in', self._kernel, self._dz_T, out=self._dx_T)",
        "square",
    ),
    _variant(
        "sigmoid by a tanh",
        _ACTIVATIONS,
        "sigmoid",
        "",
        "a[...] = (1 + np.tanh(z / 2)) / 2",
        "outputs",
    ),
    _variant(
        "sigmoid by e^z",
        _ACTIVATIONS,
        "sigmoid",
        "",
        "e = np.exp(-np.abs(z))\na[...] = np.where(z >= 0, 1 / (1 + e), e / (1 + e))",
        "regression",
    ),
    _variant(
        "sigmoid's derivative as a - a^2",
        _ACTIVATIONS,
        "sigmoid_backward",
        "",
        "dz[...] = da * (a * (1 - a))",
        "outputs",
    ),
    _variant(
        "relu by a mask",
        _ACTIVATIONS,
        "relu",
        "",
        "a[...] = z * (z > 0)",
        "article",
    ),
    _variant(
        "relu by |z|",
        _ACTIVATIONS,
        "relu",
        "",
        "a[...] = (z + np.abs(z)) / 2",
        "momentum",
    ),
    _variant(
        "relu's derivative by where",
        _ACTIVATIONS,
        "relu_backward",
        "",
        "dz[...] = np.where(z > 0, da, 0)",
        "zeros",
    ),
    _variant(
        "tanh's derivative as (1 - a) (1 + a)",
        _ACTIVATIONS,
        "tanh_backward",
        "",
        "dz[...] = da * ((1 - a) * (1 + a))",
        "square",
    ),
    _variant(
        "tanh's derivative with a power",
        _ACTIVATIONS,
        "tanh_backward",
        "",
        "dz[...] = (1 - a**2) * da",
        "regression",
    ),
    _variant(
        "softmax times a reciprocal",
        _ACTIVATIONS,
        "softmax",
        "np.divide(a, scratch.row, out=a)",
        "np.multiply(a, 1 / scratch.row, out=a)",
        "distribution",
    ),
    _variant(
        "softmax shifted by the mean",
        _ACTIVATIONS,
        "softmax",
        "",
        "e = np.exp(z - z.mean(axis=1, keepdims=True))\na[...] = e / e.sum(axis=1, keepdims=True)",
        "distribution",
    ),
    _variant(
        "softmax summed from the last class",
        _ACTIVATIONS,
        "softmax",
        "np.add.reduce(a, axis=1, keepdims=True, out=scratch.row)",
        "scratch.row[:, 0] = sum(a[:, k] for k in reversed(range(a.shape[1])))",
        "no bias",
    ),
    _variant(
        "softmax's derivative by its matrix",
        _ACTIVATIONS,
        "softmax_backward",
        "",
        "dz[...] = [a_i * (g - a_i @ g) for a_i, g in zip(a, da)]",
        "distribution",
    ),
    _variant(
        "binary loss as a mean",
        _LOSSES,
        "BinaryCrossentropy.forward",
        "return np.add.reduce(loss, axis=None) / self._count",
        "return np.mean(loss)",
        "article",
    ),
    _variant(
        "binary loss summed from the last",
        _LOSSES,
        "BinaryCrossentropy.forward",
        "return np.add.reduce(loss, axis=None) / self._count",
        "return sum(loss.ravel()[::-1]) / self._count",
        "outputs",
    ),
    _variant(
        "binary gradient as p - y",
        _LOSSES,
        "BinaryCrossentropy.backward",
        "np.divide(gradient, self._count, out=gradient)",
        "p = e / (1 + e)\n        gradient[...] = (np.where(z > 0, 1 - p, p) - y) / self._count",
        "outputs",
    ),
    _variant(
        "binary gradient times 1 / m",
        _LOSSES,
        "BinaryCrossentropy.backward",
        "np.divide(gradient, self._count, out=gradient)",
        "np.multiply(gradient, 1 / self._count, out=gradient)",
        "article",
    ),
    _variant(
        "categorical loss of the class alone",
        _LOSSES,
        "CategoricalCrossentropy.forward",
        "return -np.add.reduce(log_probability, axis=None) / self._samples",
        "return np.sum(-log_probability.sum(axis=1)) / self._samples",
        "sparse",
    ),
    _variant(
        "squared loss by a power",
        _LOSSES,
        "MeanSquaredError.forward",
        "np.multiply(error, error, out=error)",
        "error[...] = error**2",
        "regression",
    ),
    _variant(
        "squared loss by a dot product",
        _LOSSES,
        "MeanSquaredError.forward",
        "",
        "error = (self.output - self.targets).ravel()\nreturn error @ error / error.size",
        "large",
    ),
    _variant(
        "squared gradient times 2 / n",
        _LOSSES,
        "MeanSquaredError.backward",
        "",
        "gradient[...] = (self.output - self.targets) * (2 / self._count)",
        "momentum",
    ),
    _variant(
        "moving mean as m beta + g (1 - beta)",
        "optimizers.py",
        "Adam.apply",
        """np.subtract(gradients, m, out=step)
        np.multiply(step, constants["one_minus_beta_1"], out=step)
        np.add(m, step, out=m)""",
        """m *= constants["beta_1"]
        m += gradients * constants["one_minus_beta_1"]""",
        "sparse",
    ),
    _variant(
        "second moment with g**2",
        "optimizers.py",
        "Adam.apply",
        "np.multiply(gradients, gradients, out=step)",
        "step[...] = gradients**2",
        "small",
    ),
    _variant(
        "adam's step divided first",
        "optimizers.py",
        "Adam.apply",
        """np.multiply(m, constants["alpha"], out=step)
        np.divide(step, root, out=step)""",
        """np.divide(m, root, out=step)
        np.multiply(step, constants["alpha"], out=step)""",
        "decay",
    ),
    _variant(
        "rmsprop by a power of -1/2",
        "optimizers.py",
        "RMSprop.apply",
        "np.divide(step, root, out=step)",
        "np.multiply(step, 1 / root, out=step)",
        "regression",
    ),
    _variant(
        "nesterov's step in two parts",
        "optimizers.py",
        "SGD.apply",
        """np.subtract(ahead, step, out=ahead)
            np.add(weights, ahead, out=weights)""",
        """np.subtract(weights, step, out=weights)
            np.add(weights, ahead, out=weights)""",
        "nesterov",
    ),
    _variant(
        "descent by adding",
        "optimizers.py",
        "SGD.apply",
        "np.subtract(weights, step, out=weights)",
        "np.add(weights, -step, out=weights)",
        "clipped",
    ),
)

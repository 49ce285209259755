"""Mistakes in the initial state of scratchnet."""

from experiments.mutants.mutant import Mutant


def _initializer(name: str, old: str, new: str, code: str) -> Mutant:
    """Make a mutant of the initializer that the name begins with."""
    function = name.partition(" ")[0]
    return Mutant(
        name, "initializers.py", function, old, new, "article", f"{function}/kernel", code
    )


INITIAL = (
    _initializer(
        "glorot_uniform of fan_in", "6.0 / (fan_in + fan_out)", "6.0 / fan_in", "initial_scale"
    ),
    _initializer(
        "glorot_uniform without the root",
        "np.sqrt(6.0 / (fan_in + fan_out))",
        "6.0 / (fan_in + fan_out)",
        "initial_scale",
    ),
    _initializer("glorot_uniform with 2 for 6", "6.0", "2.0", "initial_scale"),
    _initializer("glorot_uniform above 0", "uniform(-limit,", "uniform(0,", "initial_shifted"),
    _initializer(
        "glorot_normal not cut off",
        "_truncated_normal(random, shape, float(np.sqrt(2.0 / (fan_in + fan_out))))",
        "random.standard_normal(shape) * np.sqrt(2.0 / (fan_in + fan_out))",
        "initial_distribution",
    ),
    _initializer("glorot_normal with 1 for 2", "2.0", "1.0", "initial_scale"),
    _initializer(
        "he_uniform drawn from a normal",
        "random.uniform(-limit, limit, shape)",
        "random.standard_normal(shape) * limit",
        "initial_distribution",
    ),
    _initializer("he_uniform of fan_out", "fans(shape)[0]", "fans(shape)[1]", "initial_scale"),
    _initializer(
        "he_normal of the variance",
        "float(np.sqrt(2.0 / fans(shape)[0]))",
        "2.0 / fans(shape)[0]",
        "initial_scale",
    ),
    _initializer("zeros are ones", "np.zeros", "np.ones", "initial_constant"),
    _initializer("article in Keras's order", "shape[::-1]).T", "shape)", "initial_order"),
    _initializer("article times 0.01", "* 0.1", "* 0.01", "initial_scale"),
    Mutant(
        "standard deviation of the cut-off normal not corrected",
        "initializers.py",
        "_truncated_normal",
        "(stddev / _TRUNCATED_STANDARD_DEVIATION)",
        "stddev",
        "article",
        "glorot_normal/kernel",
        "initial_scale",
    ),
    Mutant(
        "every layer seeded alike",
        "network.py",
        "initial_weights",
        "layer.initial_weights(input_shape, random)",
        "layer.initial_weights(input_shape, np.random.RandomState(seed))",
        "article",
        "glorot_uniform/kernel",
        "initial_repeated",
    ),
    Mutant(
        "the seed ignored",
        "network.py",
        "initial_weights",
        "np.random.RandomState(seed)",
        "np.random.RandomState(0)",
        "article",
        "glorot_uniform/kernel",
        "initial_repeated",
    ),
    Mutant(
        "slots start at 1",
        "optimizers.py",
        "OptimizerState.__init__",
        "np.zeros_like(parameters.values)",
        "np.ones_like(parameters.values)",
        "square",
        "dense_1/kernel_momentum",
        "initial_slot",
    ),
    Mutant(
        "slots start at 0.1, as Adagrad's do",
        "optimizers.py",
        "OptimizerState.__init__",
        "np.zeros_like(parameters.values)",
        "np.full_like(parameters.values, 0.1)",
        "regression",
        "dense_1/kernel_velocity",
        "initial_slot",
    ),
    Mutant(
        "slots start as the weights",
        "optimizers.py",
        "OptimizerState.__init__",
        "np.zeros_like(parameters.values)",
        "parameters.values.copy()",
        "sparse",
        "dense_1/kernel_momentum",
        "initial_slot",
    ),
    Mutant(
        "updates counted from 1",
        "optimizers.py",
        "OptimizerState.__init__",
        "self.iterations = 0",
        "self.iterations = 1",
        "sparse",
        "optimizer/iterations",
        "initial_iterations",
    ),
)

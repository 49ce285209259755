import numpy as np
import pytest

from experiments.check.cases import (
    CORE,
    FAMILIES,
    PERTURBATIONS,
    SEVERAL_OUTPUTS,
    Point,
    dense_layers,
)
from experiments.check.reference import keras_tensors, reference, step_tensors

EASY = CORE + FAMILIES + SEVERAL_OUTPUTS


@pytest.mark.parametrize("case", EASY, ids=lambda case: case.name)
def test_no_relu_is_near_its_kink_in_either_step(case):
    for point in case.points("float32"):
        weights = point.weights
        for _ in range(2):
            start = Point(weights, point.x, point.y)
            step = step_tensors(case.architecture, start, case.learning_rate, "longdouble")
            for layer in dense_layers(case.architecture):
                if layer.activation == "relu":
                    z = np.abs(step[f"{layer.name}/pre_activation"])
                    # A hundred times what float32 rounds off.
                    assert z.min() > 100 * np.finfo(np.float32).eps * z.max()
            weights = {name: step[f"{name}_updated"] for name in weights}


@pytest.mark.parametrize("case", EASY, ids=lambda case: case.name)
def test_every_layer_learns(case):
    right = reference(case, "float64").right
    for layer in dense_layers(case.architecture):
        assert np.abs(right[f"{layer.name}/kernel_gradient"][0]).max() > 1e-4


def test_perturbed_points_differ_by_a_few_units_of_float32():
    points = CORE[0].points("float64")
    assert len(points) == 1 + PERTURBATIONS
    for other in points[1:]:
        relative = np.abs(other.x / points[0].x - 1)
        assert relative.min() > 0
        assert relative.max() < 16 * np.finfo(np.float32).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [CORE[2], FAMILIES[2], FAMILIES[5]], ids=lambda case: case.name)
def test_the_reference_is_keras(case, dtype):
    right = reference(case, dtype).right
    for name, value in keras_tensors(case, dtype, case.point(dtype)).items():
        if name in right:
            scale = np.abs(right[name][0]).max()
            assert np.abs(value - right[name][0]).max() <= 64 * np.finfo(dtype).eps * scale

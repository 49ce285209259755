import numpy as np
import pytest
from sklearn.datasets import load_digits

from experiments.plan.datasets import DatasetSpecification, load
from experiments.plan.images import PATTERNS, digit_images, shifted_patterns


def test_digits_are_scikit_learns_as_images_between_0_and_1():
    x, y = digit_images()
    assert x.shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(x.reshape(len(x), -1) * 16, load_digits().data)
    np.testing.assert_array_equal(y, load_digits().target)


def test_without_noise_each_image_holds_its_pattern_and_nothing_else():
    x, y = shifted_patterns(n_samples=60, size=7, classes=6, noise=0.0)
    assert x.shape == (60, 7, 7, 1)
    for image, number in zip(x[..., 0], y, strict=True):
        rows, columns = np.nonzero(image)
        found = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        expected = np.array([[c == "#" for c in row] for row in PATTERNS[number]])
        np.testing.assert_array_equal(found, expected)


def test_patterns_are_everywhere_and_evenly_many():
    x, y = shifted_patterns(n_samples=400, size=6, classes=4, noise=0.0)
    assert (x.sum(axis=0) > 0).all()
    assert np.bincount(y).tolist() == [100] * 4


@pytest.mark.parametrize("standardise", [False, True])
def test_images_stay_images_when_they_are_divided_and_standardised(standardise):
    data = load(DatasetSpecification("digit_images", standardise=standardise))
    assert data.x_train.shape[1:] == (8, 8, 1)
    if standardise:
        np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-12)

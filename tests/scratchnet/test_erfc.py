import mpmath
import numpy as np
import pytest

from experiments.parity.exact.erf import erf
from scratchnet.erfc import erfc

DTYPES = ["float32", "float64", "longdouble"]


def exact(value):
    """An mpmath number of all digits of a NumPy number."""
    high = float(value)
    return mpmath.mpf(high) + mpmath.mpf(float(value - type(value)(high)))


def points(dtype, number=3000):
    random = np.random.RandomState(0)
    sizes = 10.0 ** random.uniform(-30, 0.5, number)
    # Where erfc is a normal number in every dtype.
    return np.concatenate([random.uniform(-9, 9, number), sizes, -sizes, [0.0]]).astype(dtype)


def unit(dtype):
    """Of the last place, relative; a wider longdouble gets the accuracy of 64 bits."""
    return max(float(np.finfo(dtype).eps), 2.0**-63)


def run(x):
    values = np.empty_like(x)
    erfc(x, *(np.empty_like(x) for _ in range(3)), out=values)
    return values


@pytest.mark.parametrize("dtype", DTYPES)
def test_erfc_is_good_to_the_last_digits(dtype):
    x = points(dtype)
    values = run(x)
    assert values.dtype == x.dtype
    with mpmath.workdps(40):
        for value, found in zip(x, values, strict=True):
            right = mpmath.erfc(exact(value))
            tail = max(float(value), 0.0) ** 2
            assert abs(exact(found) - right) <= (5 + tail) * unit(dtype) * right


@pytest.mark.parametrize("dtype", DTYPES)
def test_erfc_reaches_its_ends_and_keeps_what_is_no_number(dtype):
    values = run(np.array([np.inf, 1e4, -np.inf, -1e4, 0.0, -0.0, np.nan], dtype))
    np.testing.assert_array_equal(values[:4], [0, 0, 2, 2])
    np.testing.assert_allclose(values[4:6].astype(float), 1, rtol=2 * unit(dtype))
    assert np.isnan(values[6])


def test_erfc_leaves_the_exponential_for_a_derivative():
    x = np.linspace(-3, 3, 13)
    e, out = np.empty_like(x), np.empty_like(x)
    erfc(x, e, np.empty_like(x), np.empty_like(x), out=out)
    np.testing.assert_array_equal(e, np.exp(-(x * x)))


@pytest.mark.parametrize("dtype", ["float64", "longdouble"])
def test_the_judges_erf_is_good_to_the_last_digits_too(dtype):
    x = points(dtype, 1000)
    with mpmath.workdps(40):
        for value, found in zip(x, erf(x), strict=True):
            right = mpmath.erf(exact(value))
            assert abs(exact(found) - right) <= 8 * unit(dtype) * abs(right)

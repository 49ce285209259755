import mpmath
import numpy as np
import pytest
import tensorflow as tf

from experiments.parity.exact.rounding import Bounded, Precision, matmul, select

DTYPES = ["float32", "float64"]
COUNT = 400
CHECKED = 60
"""How many elements of each result are checked against mpmath, which is slow."""


def draw(kind, shape, dtype, random):
    """Random numbers of a kind, in a dtype."""
    info = np.finfo(dtype)
    signs = random.choice([-1.0, 1.0], shape)
    if kind == "ordinary":
        values = random.randn(*shape)
    elif kind == "huge":
        values = signs * float(info.max) ** random.uniform(0.3, 0.48, shape)
    elif kind == "tiny":
        values = signs * float(info.tiny) ** random.uniform(0.3, 0.6, shape)
    elif kind == "subnormal":
        # The product would be 0 in float64.
        return (signs.astype(dtype) * info.tiny * random.uniform(0, 3, shape).astype(dtype)).astype(
            dtype
        )
    elif kind == "cancelling":
        # Pairs of opposite numbers that differ by a few units in the last place.
        values = random.randn(*shape)
        flat = values.reshape(-1)
        half = flat.size // 2
        flat[half : 2 * half] = -flat[:half] * (1 + 8 * info.eps * random.randn(half))
    elif kind == "zeros":
        values = random.choice([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, float(info.eps)], shape)
    return values.astype(dtype)


KINDS = ["ordinary", "huge", "tiny", "subnormal", "cancelling", "zeros"]


def positive(x):
    return np.abs(x) + np.finfo(x.dtype).tiny


# Name -> on Bounded, NumPy, TensorFlow, mpmath, and how to make an argument valid.
BINARY = {
    "add": (lambda a, b: a + b, np.add, tf.add, lambda a, b: a + b),
    "subtract": (lambda a, b: a - b, np.subtract, tf.subtract, lambda a, b: a - b),
    "multiply": (lambda a, b: a * b, np.multiply, tf.multiply, lambda a, b: a * b),
    "divide": (lambda a, b: a / b, np.divide, tf.divide, lambda a, b: a / b),
}
UNARY = {
    "sqrt": (Bounded.sqrt, np.sqrt, tf.sqrt, mpmath.sqrt, np.abs),
    "exp": (Bounded.exp, np.exp, tf.exp, mpmath.exp, lambda x: -np.minimum(np.abs(x), 100)),
    "log": (Bounded.log, np.log, tf.math.log, mpmath.log, positive),
    "log1p": (
        Bounded.log1p,
        np.log1p,
        tf.math.log1p,
        mpmath.log1p,
        lambda x: np.minimum(np.abs(x), 1),
    ),
    "tanh": (Bounded.tanh, np.tanh, tf.tanh, mpmath.tanh, lambda x: x),
    "relu": (
        Bounded.relu,
        lambda x: np.maximum(x, 0),
        tf.nn.relu,
        lambda x: max(x, mpmath.mpf(0)),
        lambda x: x,
    ),
    "abs": (Bounded.abs, np.abs, tf.abs, abs, lambda x: x),
}


def exactly(array):
    """Numbers as mpmath has them, of any precision."""
    return [mpmath.mpf(float(v)) + mpmath.mpf(float(v - np.float64(v))) for v in array.ravel()]


def assert_within(bounded, computed, exact=None):
    """Every element within its bound of the reference, and some of the exact value."""
    overflowed = bounded.size + bounded.error >= bounded.precision.largest
    distance = np.abs(computed.astype(bounded.value.dtype) - bounded.value)
    outside = ~(distance <= bounded.error) & ~overflowed
    assert not np.any(outside), _report(bounded, computed, outside)
    if exact is None:
        return
    for index, right in exact.items():
        if overflowed.flat[index] or 0 < abs(right) < 1e-320:
            continue  # beyond the range of the dtype, or of the bound's own arithmetic
        error = abs(mpmath.mpf(float(computed.flat[index])) - right)
        assert error <= bounded.error.flat[index]
        # The reference itself is much nearer to the exact value than any bound.
        distance = abs(exactly(bounded.value.flat[index])[0] - right)
        assert distance <= bounded.error.flat[index] / 500 + abs(right) * 2.0**-60 + 5e-324


def _report(bounded, computed, outside):
    i = tuple(np.argwhere(outside)[0])
    return (
        f"{computed[i]!r} at {i} for {bounded.value[i]!r}: "
        f"{abs(computed[i] - bounded.value[i])} > {bounded.error[i]}"
    )


def used_share(bounded, *results):
    """Root mean square of error / bound over all errors that are not 0."""
    shares = [
        (np.abs(r.astype(bounded.value.dtype) - bounded.value) / bounded.error).astype(float)
        for r in results
    ]
    shares = np.concatenate([s[np.isfinite(s) & (s > 0)] for s in shares])
    return float(np.sqrt(np.mean(shares**2)))


def tensorflow(function, *arrays):
    return function(*(tf.constant(a) for a in arrays)).numpy()


def exact_values(function, arrays, random):
    """The exact value of some elements, by flat index."""
    chosen = random.choice(arrays[0].size, min(CHECKED, arrays[0].size), replace=False)
    return {
        i: function(*(exactly(a.flat[i])[0] for a in arrays))
        for i in chosen
        if all(np.isfinite(a.flat[i]) for a in arrays)
    }


@pytest.fixture(autouse=True)
def _digits():
    with mpmath.workdps(60), np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_stays_within_its_bound_in_numpy_and_tensorflow(name, dtype):
    random = np.random.RandomState(1)
    on_bounded, on_numpy, on_tensorflow, on_mpmath = BINARY[name]
    precision = Precision.of(dtype)
    for first in KINDS:
        for second in KINDS:
            a = draw(first, (COUNT,), dtype, random)
            b = draw(second, (COUNT,), dtype, random)
            if first == second == "cancelling":
                b = -a * (1 + 4 * np.finfo(dtype).eps * random.randn(COUNT)).astype(dtype)
            if name == "divide":
                b = np.where(b == 0, np.ones_like(b), b)
            bounded = on_bounded(precision.exact(a), precision.exact(b))
            exact = exact_values(on_mpmath, (a, b), random)
            computed = on_numpy(a, b), tensorflow(on_tensorflow, a, b)
            for result in computed:
                assert_within(bounded, result, exact)
            if first == second == "ordinary":
                assert used_share(bounded, *computed) > 1 / 100


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_elementary_function_stays_within_its_bound_in_numpy_and_tensorflow(name, dtype):
    random = np.random.RandomState(2)
    on_bounded, on_numpy, on_tensorflow, on_mpmath, valid = UNARY[name]
    precision = Precision.of(dtype)
    for kind in KINDS:
        x = valid(draw(kind, (COUNT,), dtype, random))
        bounded = on_bounded(precision.exact(x))
        exact = exact_values(on_mpmath, (x,), random)
        computed = on_numpy(x), tensorflow(on_tensorflow, x)
        for result in computed:
            assert_within(bounded, result, exact)
        if kind == "ordinary" and name not in ("relu", "abs"):
            assert used_share(bounded, *computed) > 1 / 100


# Where a library's own polynomial may be at its worst: everywhere that the result is not trivial.
RANGES = {
    "exp": [(-80, 0), (-1, 0)],
    "log": [(1e-3, 0.99), (1.01, 10)],
    "log1p": [(0, 1), (0, 1e-3)],
    "tanh": [(-1e-3, 1e-3), (-1, 1), (2, 9), (9, 19)],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RANGES)
def test_elementary_function_stays_within_its_bound_on_a_dense_grid(name, dtype):
    random = np.random.RandomState(3)
    on_bounded, on_numpy, on_tensorflow, _, _ = UNARY[name]
    for low, high in RANGES[name]:
        x = random.uniform(low, high, 100_000).astype(dtype)
        bounded = on_bounded(Precision.of(dtype).exact(x))
        computed = on_numpy(x), tensorflow(on_tensorflow, x)
        for result in computed:
            assert_within(bounded, result)
        assert used_share(bounded, *computed) > 1 / 100


@pytest.mark.parametrize("dtype", DTYPES)
def test_power_stays_within_its_bound(dtype):
    for beta in (0.0, 0.5, 0.9, 0.999, float(np.float32(0.999)), 0.9999):
        for exponent in (1, 2, 3, 10, 1000, 100_000):
            bounded = Precision.of(dtype).rounded(beta).power(exponent)
            x = np.asarray(beta, dtype)
            exact = {0: exactly(x)[0] ** exponent}
            for result in (x**exponent, tensorflow(tf.pow, x, np.asarray(exponent, dtype))):
                assert_within(bounded, np.asarray(result, dtype), exact)


def orders(terms):
    """Sums of the columns, in several orders."""
    sequential = np.zeros(terms.shape[1], terms.dtype)
    for row in terms:
        sequential = sequential + row
    ascending = np.zeros_like(sequential)
    for row in np.sort(terms, axis=0):
        ascending = ascending + row
    contiguous = np.ascontiguousarray(terms.T).sum(axis=1)
    return [
        sequential,
        ascending,
        contiguous,
        terms.sum(axis=0),
        tensorflow(lambda t: tf.reduce_sum(t, axis=0), terms),
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 10, 100])
def test_sum_in_any_order_stays_within_its_bound(n, kind, dtype):
    random = np.random.RandomState(n)
    terms = draw(kind, (n, 20), dtype, random)
    bounded = Precision.of(dtype).exact(terms).sum(axis=0)
    exact = {i: mpmath.fsum(exactly(terms[:, i])) for i in range(20)}
    for result in orders(terms):
        assert_within(bounded, result, exact)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 7, 30])
def test_matrix_product_stays_within_its_bound(n, kind, bias, dtype):
    random = np.random.RandomState(n)
    x, w = draw(kind, (12, n), dtype, random), draw("ordinary", (n, 9), dtype, random)
    b = draw(kind, (9,), dtype, random)
    if kind == "cancelling":
        b = -(x[0] @ w)
    precision = Precision.of(dtype)
    bounded = matmul(precision.exact(x), precision.exact(w), precision.exact(b) if bias else None)
    shift = b if bias else np.zeros_like(b)
    with_ones = np.concatenate([x, np.ones((12, 1), dtype)], axis=1)
    computed = [
        x @ w + shift,
        with_ones @ np.concatenate([w, shift[None]]),
        np.einsum("ij,jk->ik", x, w) + shift,
        tensorflow(lambda a, k, s: tf.matmul(a, k) + s, x, w, shift),
    ]
    exact = {
        9 * i + k: mpmath.fdot(exactly(x[i]), exactly(w[:, k])) + exactly(shift[k])[0]
        for i in range(4)
        for k in range(9)
    }
    for result in computed:
        assert_within(bounded, result, exact)
    if kind == "ordinary":
        assert used_share(bounded, *computed) > 1 / 100


@pytest.mark.parametrize("dtype", DTYPES)
def test_expected_error_of_a_long_sum_is_near_its_true_error(dtype):
    random = np.random.RandomState(4)
    for n in (100, 10_000):
        terms = np.abs(draw("ordinary", (n, 200), dtype, random))
        bounded = Precision.of(dtype).exact(terms).sum(axis=0)
        sequential = orders(terms)[0]
        error = np.abs(sequential - bounded.value).astype(float)
        assert np.mean(error <= bounded.expected) > 0.99
        assert np.sqrt(np.mean((error / bounded.expected) ** 2)) > 1 / 100
        assert np.all(bounded.expected <= bounded.error)


def inexact(kind, shape, precision, random):
    """A Bounded with errors, and arrays of the judged dtype within them."""
    x = draw(kind, shape, str(precision.dtype), random)
    size = np.abs(x).astype(float)
    error = size * 10.0 ** random.uniform(-5, -1, shape)
    bounded = Bounded(x.astype(precision.reference), error, error, error, precision)
    inside = [
        np.clip(x + share * error, x - error, x + error).astype(precision.dtype)
        for share in (-1, 1, *random.uniform(-1, 1, 3))
    ]
    # Rounding to the dtype may have carried some outside.
    return bounded, [np.where(np.abs(v - bounded.value) <= error, v, x) for v in inside]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*BINARY, *UNARY, "power", "sum", "matmul", "clip"])
def test_errors_of_the_inputs_are_carried_on(name, dtype):
    random = np.random.RandomState(5)
    precision = Precision.of(dtype)
    for kind in ("ordinary", "cancelling", "tiny"):
        a, as_computed = inexact(kind, (40,), precision, random)
        b, bs_computed = inexact("ordinary", (40,), precision, random)
        if name in BINARY:
            bounded, function = BINARY[name][0](a, b), BINARY[name][1]
            results = [function(x, y) for x in as_computed for y in bs_computed]
        elif name in UNARY:
            if name in ("sqrt", "log", "log1p"):
                a = Bounded(np.abs(a.value), a.error, a.branch, a.expected, precision)
                as_computed = [np.abs(x) for x in as_computed]
            bounded = UNARY[name][0](a)
            results = [UNARY[name][1](x) for x in as_computed]
        elif name == "power":
            bounded, results = a.abs().power(3), [np.abs(x) ** 3 for x in as_computed]
        elif name == "sum":
            bounded, results = a.sum(axis=0), [x.sum(axis=0) for x in as_computed]
        elif name == "clip":
            bounded = a.clip(-0.5, 0.25)
            low, high = np.asarray([-0.5, 0.25], dtype)
            results = [np.clip(x, low, high) for x in as_computed]
        else:
            bounded = matmul(a.map(lambda v: v.reshape(4, 10)), b.map(lambda v: v.reshape(10, 4)))
            results = [
                x.reshape(4, 10) @ y.reshape(10, 4) for x in as_computed for y in bs_computed
            ]
        for result in results:
            assert_within(bounded, np.asarray(result))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bound_is_no_smaller_with_branches_and_what_is_expected_no_larger(dtype):
    random = np.random.RandomState(6)
    precision = Precision.of(dtype)
    x, w = (precision.exact(draw("ordinary", (5, 5), dtype, random)) for _ in range(2))
    z = matmul(x, w)
    masked = z.passes(z.value > 0, np.abs(z.value) < 0.1)
    for bounded in (z, masked, matmul(masked, w), masked.sum(axis=0), (masked * w).exp()):
        assert np.all(bounded.branch >= bounded.error)
        assert np.all(bounded.expected <= bounded.error * 1.5)
    uncertain = np.abs(z.value) < 0.1
    assert np.any(uncertain)
    np.testing.assert_array_equal(masked.branch[uncertain] >= z.size[uncertain], True)


def test_trivial_factors_round_nothing():
    precision = Precision.of("float32")
    x = precision.exact(np.float32([0.1, 3.7, -5e-3]))
    for factor in (0.0, 0.5, 1.0, 2.0, -1.0):
        np.testing.assert_array_equal((x * factor).error, 0)
    assert np.all((x * 3.0).error > 0)


def test_select_takes_each_element_from_its_side():
    precision = Precision.of("float64")
    a, b = precision.exact(np.array([1.0, 2.0])), precision.exact(np.array([3.0, 4.0])) * 3
    chosen = select(np.array([True, False]), a, b)
    np.testing.assert_array_equal(chosen.value, [1.0, 12.0])
    assert chosen.error[0] == 0
    assert chosen.error[1] == b.error[1]


def test_relu_of_what_is_surely_negative_is_exact():
    precision = Precision.of("float64")
    z = Bounded(np.array([-1.0, -1e-3, 2.0], np.longdouble), *[np.full(3, 1e-2)] * 3, precision)
    np.testing.assert_allclose(z.relu().error, [0, 9e-3, 1e-2], rtol=1e-15)


def test_gamma_says_nothing_where_n_u_reaches_1():
    assert Precision.of("float32").gamma(2**24) == float("inf")

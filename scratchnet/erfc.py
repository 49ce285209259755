"""The complementary error function, which NumPy does not have.

``exp(x^2) erfc(x)`` falls slowly from 1 to 0 for positive ``x``; one quotient of two polynomials
follows it to where erfc(x) underflows, without a branch. The coefficients are minimax: they were
fitted to the relative error with 80 digits (Remez' exchange), to 2^-27.4, 2^-59.9 and 2^-73.9. All
are positive, so no sum cancels. What is left is rounding: 5 units in the last place, and x^2 of
them more in the tail, where an error of u in x^2 is one of x^2 u in the exponential.

A longdouble of more than 64 bits of mantissa gets the accuracy of 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scratchnet.types import Array


@dataclass(frozen=True, eq=False)
class _Quotient:
    """Coefficients of ``exp(x^2) erfc(x)``, the highest power first, and how far they reach."""

    last: Array
    numerator: Sequence[Array]
    denominator: Sequence[Array]


def _quotient(dtype: str, last: str, numerator: str, denominator: str) -> _Quotient:
    """Read coefficients, the constant first; as text, for longdouble has more digits than float."""
    of = np.dtype(dtype).type

    def coefficients(text: str) -> list[Array]:
        return [np.asarray(of(word)) for word in reversed(text.split())]

    return _Quotient(np.asarray(of(last)), coefficients(numerator), coefficients(denominator))


_QUOTIENTS = {
    quotient.last.dtype: quotient
    for quotient in (
        _quotient(
            "float32",
            "10.1",
            "1.0000000057381 1.2384324755557 0.73162732796649 0.22922988734395 0.032798856012047",
            "1.0 2.3668122214578 2.4022795840856 1.3254118876262 0.40632579438926 "
            "0.058133759960993",
        ),
        _quotient(
            "float64",
            "27.3",
            "1.0000000000000000009 2.341014868753740641915 2.716874318663595149332 "
            "2.019748812106702155902 1.055194712741809027227 0.4029716303845016473181 "
            "0.1137722214494294925732 0.02347827332245509849788 0.003402140715941872522425 "
            "3.148061030615925171359e-4 1.430013715298036963972e-5",
            "1.0 3.469394035849253508426 5.63166627116129929166 5.65726245073431942557 "
            "3.916926835442522155071 1.96812851073322051202 0.7347767088007584847983 "
            "0.2046584074696851035976 0.04189314561118287367206 0.006042810579802419012119 "
            "5.579792896610677259122e-4 2.534633316527104781525e-5",
        ),
        _quotient(
            "longdouble",
            "107",
            "0.99999999999999999999994274 2.8307818080495286285238074 "
            "3.9788758324098561929061582 3.6337336440398548850106357 "
            "2.3889216325724833440834138 1.1889877832789575390280559 "
            "0.45989580734876750423552713 0.1398686220894111540991281 "
            "0.033462987254483276275602326 0.0062301559143795907298410925 "
            "8.7987559971694020165934625e-4 8.9649266658995201654007794e-5 "
            "5.9443813658780338965518961e-6 1.9563433832897001280748276e-7",
            "1.0 3.9591609751450412023942291 7.4463105959410751461318466 "
            "8.8290871951409689235200304 7.3834589344523767815473745 "
            "4.6140702866538777244535716 2.226057002486761472898262 "
            "0.84403329578775605533220619 0.253352993611515315969212 "
            "0.060086101998704656551081871 0.011121940059726061408020969 "
            "0.0015648069658576910697876204 1.5907256433876180408413995e-4 "
            "1.0536141643201512377748951e-5 3.4675283634053549465288478e-7",
        ),
    )
}


def erfc(x: Array, exponential: Array, size: Array, polynomial: Array, *, out: Array) -> None:
    """Write ``2 / sqrt(pi)`` times the integral of ``exp(-s^2)`` from ``x`` to infinity.

    Parameters
    ----------
    x
        float32, float64 or longdouble.
    exponential
        Where ``exp(-x^2)`` goes, which a derivative needs.
    size, polynomial
        Scratch arrays like `x`.
    out
        Where the values go; not `x`.
    """
    quotient = _QUOTIENTS[x.dtype]
    np.multiply(x, x, out=exponential)
    np.negative(exponential, out=exponential)
    np.exp(exponential, out=exponential)
    np.abs(x, out=size)
    np.minimum(size, quotient.last, out=size)
    _evaluate(quotient.numerator, size, out)
    _evaluate(quotient.denominator, size, polynomial)
    np.divide(out, polynomial, out=out)
    np.multiply(out, exponential, out=out)
    # Of a negative number it is 2 minus that: sign * erfc(|x|) + (1 - sign).
    one = np.ones((), x.dtype)
    sign = np.copysign(one, x, out=size)
    np.multiply(out, sign, out=out)
    np.subtract(one, sign, out=sign)
    np.add(out, sign, out=out)


def _evaluate(coefficients: Sequence[Array], x: Array, out: Array) -> None:
    """Write a polynomial in `x` (Horner)."""
    highest, second, *others = coefficients
    np.multiply(x, highest, out=out)
    np.add(out, second, out=out)
    for coefficient in others:
        np.multiply(out, x, out=out)
        np.add(out, coefficient, out=out)

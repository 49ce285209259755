import base64
import io

import numpy as np
import pytest
from PIL import Image

from experiments.report.boundaries import (
    APART_COLOUR,
    boundary_lines,
    difference_image,
    looks,
    prediction_image,
)
from experiments.trials.boundary import Boundary

AXIS = np.linspace(-1, 1, 21)


def boundary(ours, twin=None):
    """A plane seen once; values are ``(rows, columns, units)``."""
    both = [np.asarray(side, np.float32)[None] for side in (ours, ours if twin is None else twin)]
    return Boundary(AXIS, AXIS, np.array([5]), *both)


def pixels(address):
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture
def half():
    """The probability of class 1 rises to the right, and is 1/2 at x = 0."""
    x, _ = np.meshgrid(AXIS, AXIS)
    return 1 / (1 + np.exp(-8 * x[..., None]))


def test_the_boundary_lies_where_the_probability_is_a_half(half):
    plane = boundary(half)
    (line,) = boundary_lines(plane, looks(plane)[0], "scratchnet")
    assert all(abs(x) < 1e-3 for x, _ in line)
    assert sorted([line[0][1], line[-1][1]]) == [-1, 1]


def test_the_boundary_between_classes_lies_where_two_are_equal():
    x, y = np.meshgrid(AXIS, AXIS)
    scores = np.exp(4 * np.stack([x, y, -x - y], axis=-1))
    plane = boundary(scores / scores.sum(axis=-1, keepdims=True))
    look = looks(plane)[0]
    assert look.classes["keras"][0, -1] == 0
    assert look.classes["keras"][-1, 0] == 1
    assert look.classes["keras"][0, 0] == 2
    # Three lines leave the middle; far from it, two classes are equal on each.
    points = np.concatenate([np.array(line) for line in boundary_lines(plane, look, "keras")])
    far = points[np.hypot(*points.T) > 0.5]
    ranked = np.sort(np.stack([far[:, 0], far[:, 1], -far.sum(axis=1)], axis=-1), axis=-1)
    np.testing.assert_allclose(ranked[:, 2], ranked[:, 1], atol=0.02)


def test_one_class_all_over_has_no_boundary(half):
    plane = boundary(0 * half)
    assert boundary_lines(plane, looks(plane)[0], "keras") == []


def test_pictures_stand_upright(half):
    rising = half.transpose(1, 0, 2)
    picture = pixels(prediction_image(looks(boundary(rising))[0], "scratchnet"))
    top, bottom = picture[0, 10].astype(int), picture[-1, 10].astype(int)
    # Teal above, brown below: the grid's first row is at the bottom.
    assert top[1] > top[0]
    assert bottom[0] > bottom[2]


def test_where_undecided_the_picture_is_pale(half):
    picture = pixels(prediction_image(looks(boundary(half))[0], "keras")).astype(int)
    assert picture[0, 10].sum() > 700
    assert picture[0, 0].sum() < 600


def test_differing_classes_have_a_colour_of_their_own(half):
    twin = half.copy()
    twin[3, 4] = 0.9
    twin[5, 6] += 1e-6
    look = looks(boundary(half, twin))[0]
    assert np.argwhere(look.apart).tolist() == [[3, 4]]
    picture = pixels(difference_image(look))
    assert picture[20 - 3, 4].tolist() == [int(APART_COLOUR[i : i + 2], 16) for i in (1, 3, 5)]
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[20 - 5, 6].sum() > 200


def test_predictions_that_are_no_numbers_are_drawn_as_undecided(half):
    half[0, 0] = np.nan
    look = looks(boundary(half))[0]
    assert look.confidence["scratchnet"][0, 0] == 0


def test_of_many_looks_the_first_and_the_last_are_kept(half):
    planes = np.stack([half] * 5).astype(np.float32)
    many = Boundary(AXIS, AXIS, np.array([1, 2, 4, 8, 16]), planes, planes)
    assert [look.epoch for look in looks(many, 2)] == [1, 16]
    assert len(looks(many)) == 5

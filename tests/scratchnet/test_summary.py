"""The table of a network's layers says what Keras's says."""

import re

import pytest

from keras_baseline.model import build
from scratchnet import Architecture, Dense, Network
from scratchnet.layers import Add, BatchNormalization, Conv2D, Flatten

CHAIN = Architecture(
    (8, 8, 1),
    (
        Conv2D(4, 3, activation="relu"),
        BatchNormalization(),
        Flatten(),
        Dense(40, "relu"),
        Dense(3, "softmax"),
    ),
    "sparse_categorical_crossentropy",
)
GRAPH = Architecture(
    (8,),
    (Dense(8, name="a"), Add(name="b", inputs=("input", "a")), Dense(1, name="c")),
    "mean_squared_error",
)


def told(text):
    """Each layer's name, type, shape, parameters and inputs; and the totals."""
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in text.splitlines()]
    totals = [line.strip() for line in text.splitlines() if "params:" in line]
    return [row for row in rows if row], totals


@pytest.mark.parametrize("architecture", [CHAIN, GRAPH])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_table_says_what_keras_says(architecture, dtype, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    ours, theirs = [], []
    network = Network(architecture, seed=0, dtype=dtype)
    network.summary(ours.append)
    model = build(architecture, dtype)
    model.summary(line_length=120, print_fn=lambda text, **_: theirs.append(text))
    our_rows, our_totals = told(ours[0])
    keras_rows, keras_totals = told(theirs[0])
    assert our_totals == keras_totals
    # Keras gives each source of a layer a line of its own, and numbers its input layers.
    joined = []
    for row in keras_rows:
        cells = [re.sub(r"input_layer(_\d+)?", "input", cell) for cell in row]
        if cells[0]:
            joined.append(cells)
        else:
            # The comma is there where the number of the input layer leaves room for it.
            joined[-1][-1] = f"{joined[-1][-1].rstrip(',')}, {cells[-1]}"
    assert our_rows == (joined[1:] if architecture is CHAIN else joined)


def test_the_lines_of_a_table_are_equally_long(capsys):
    Network(GRAPH, seed=0).summary()
    table = [line for line in capsys.readouterr().out.splitlines() if "params:" not in line]
    assert len({len(line) for line in table}) == 1

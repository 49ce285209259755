import sys
import types

import numpy as np

from experiments.bench.peers.floors import GemmFloor, _products, calls_per_epoch, count_calls
from experiments.bench.workloads import OPTIMIZERS, Workload, network


def workload(*units, samples=12, batch_size=12, optimizer="sgd"):
    return Workload("w", network(*units), OPTIMIZERS[optimizer], samples, batch_size)


def test_every_way_of_calling_numpy_is_counted(monkeypatch):
    module = types.ModuleType("counted_package")
    exec(
        "import numpy as np\n"
        "from numpy import multiply, sum as total\n"
        "def work(a):\n"
        "    np.add(a, a, out=a)\n"
        "    np.add.reduce(a)\n"
        "    np.linalg.norm(a)\n"
        "    multiply(a, 2, out=a)\n"
        "    total(a)\n"
        "    return a + a, a.sum(), np.pi\n",
        vars(module),
    )
    monkeypatch.setitem(sys.modules, "counted_package", module)
    with count_calls("counted_package") as counter:
        module.work(np.ones(3))
    # Arithmetic and methods of arrays are not: the floor is rather too low.
    assert counter.calls == 5
    assert module.np is np
    assert module.multiply is np.multiply


def test_calls_grow_linearly_with_depth_and_with_the_number_of_batches():
    one, two, three = (calls_per_epoch(workload(2, *[3] * depth, 1).task()) for depth in (1, 2, 3))
    assert three - two == two - one > 0
    batches = [
        calls_per_epoch(workload(2, 3, 1, samples=4 * n, batch_size=4).task()) for n in (2, 3, 4)
    ]
    assert batches[2] - batches[1] == batches[1] - batches[0] > 0


def test_calls_do_not_depend_on_width_and_samples():
    assert (
        calls_per_epoch(workload(2, 3, 1).task())
        == calls_per_epoch(workload(2, 30, 1).task())
        == calls_per_epoch(workload(2, 3, 1, samples=50, batch_size=50).task())
    )


def test_adam_calls_more_than_sgd():
    assert calls_per_epoch(workload(2, 3, 1, optimizer="adam").task()) > calls_per_epoch(
        workload(2, 3, 1).task()
    )


def test_the_products_are_those_of_a_step():
    task = workload(2, 3, 5, 1, samples=10, batch_size=4).task()
    products = _products(task, "C")
    # Three batches; three layers with two products each, and an input gradient for two of them.
    assert len(products) == 3 * 8
    first = [(left.shape, right.shape) for left, right, _ in products[:8]]
    assert first == [
        ((4, 2), (2, 3)),
        ((4, 3), (3, 5)),
        ((4, 5), (5, 1)),
        ((5, 4), (4, 1)),
        ((4, 1), (1, 5)),
        ((3, 4), (4, 5)),
        ((4, 5), (5, 3)),
        ((2, 4), (4, 3)),
    ]
    assert products[-1][0].shape == (2, 2)
    assert all(left.dtype == out.dtype == np.float32 for left, _, out in products)


def test_the_floor_multiplies_once_an_epoch():
    floor = GemmFloor(workload(2, 3, 1).task())
    multiplied = []
    floor.multiply = lambda left, right, out: multiplied.append((left @ right).shape == out.shape)
    floor.train(2, lambda _: None)
    assert multiplied == [True] * (2 * 5)

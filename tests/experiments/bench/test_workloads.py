import numpy as np
import pytest

from experiments.bench.workloads import DEFAULT_WORKLOADS, WORKLOADS, Workload, network
from scratchnet import Adam


def test_the_articles_and_the_notebooks_networks_are_there():
    article = WORKLOADS["article/full/sgd"].architecture
    assert [2, *(layer.units for layer in article.layers)] == [2, 4, 6, 6, 4, 1]
    notebook = WORKLOADS["notebook/32/adam"]
    assert [layer.units for layer in notebook.architecture.layers] == [25, 50, 50, 25, 1]
    assert (notebook.batch_size, notebook.optimizer) == (32, Adam(learning_rate=0.001))


def test_every_network_comes_with_every_optimizer():
    assert len(WORKLOADS) == 21
    assert set(DEFAULT_WORKLOADS) <= set(WORKLOADS)


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_a_workload_survives_plain_data(name):
    assert Workload.from_dict(WORKLOADS[name].to_dict()) == WORKLOADS[name]


def test_at_least_three_steps_are_checked():
    assert all(w.steps * w.checked_epochs >= 3 for w in WORKLOADS.values())
    assert all(w.steps * (w.checked_epochs - 1) < 3 for w in WORKLOADS.values())


def test_data_are_always_the_same():
    first, second = (WORKLOADS["article/32/sgd"].task() for _ in range(2))
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)
    for name, weight in first.weights.items():
        np.testing.assert_array_equal(weight, second.weights[name])


def test_binary_targets_are_zeros_and_ones_and_others_one_hot():
    binary = WORKLOADS["article/full/sgd"].task()
    assert binary.y.shape == (900, 1)
    assert set(np.unique(binary.y)) == {0.0, 1.0}
    classes = Workload("c", network(5, 4, 3), Adam(), samples=50, batch_size=50).task()
    assert classes.y.shape == (50, 3)
    np.testing.assert_array_equal(classes.y.sum(axis=1), 1.0)


def test_batches_cover_every_sample_once_in_order():
    bounds = WORKLOADS["notebook/32/sgd"].task().bounds
    covered = [i for start, stop in bounds for i in range(start, stop)]
    assert covered == list(range(900))
    assert bounds[-1] == (896, 900)


def test_what_the_implementations_do_not_cover_is_refused():
    from scratchnet import SGD

    nesterov = SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
    with pytest.raises(ValueError, match="without Nesterov"):
        Workload("n", network(2, 3, 1), nesterov, samples=4, batch_size=2).task()

import numpy as np
import pytest

from experiments.plan.sequences import NOT, ordered_pulses, token_sequences


def test_the_class_of_a_sequence_is_which_pulse_comes_first():
    x, y = ordered_pulses(n_samples=200, steps=9, noise=0.0)
    assert x.shape == (200, 9, 1)
    up, down = x[..., 0].argmax(axis=1), x[..., 0].argmin(axis=1)
    np.testing.assert_array_equal(y, up < down)


def test_the_values_of_a_sequence_do_not_tell_its_class():
    x, y = ordered_pulses(n_samples=200, steps=9, noise=0.0)
    values = np.sort(x[..., 0], axis=1)
    assert (values == values[0]).all()
    assert set(y) == {0, 1}


@pytest.mark.parametrize(("steps", "vocabulary"), [(2, 4), (12, 20), (30, 6)])
def test_the_class_of_a_sentence_is_what_prevails(steps, vocabulary):
    x, y = token_sequences(n_samples=100, steps=steps, vocabulary=vocabulary, random_state=3)
    assert x.shape == (100, steps)
    assert x.min() >= 0
    assert x.max() < vocabulary
    for sentence, label in zip(x.astype(int), y, strict=True):
        good = [token % 2 == 0 for token in sentence]
        counted = [
            # A word is turned round by each "not" that stands directly before it.
            good[i] != (sum(1 for _ in _nots_before(sentence, i)) % 2 == 1)
            for i in range(steps)
            if sentence[i] > NOT
        ]
        assert sum(counted) != len(counted) - sum(counted)
        assert label == (2 * sum(counted) > len(counted))


def _nots_before(sentence, index):
    while index and sentence[index - 1] == NOT:
        index -= 1
        yield index


def test_padding_stands_at_the_end():
    x, _ = token_sequences()
    for sentence in x:
        length = np.count_nonzero(sentence)
        assert (sentence[:length] > 0).all()
        assert sentence[length - 1] != NOT
    assert len({np.count_nonzero(sentence) for sentence in x}) > 3


def test_some_words_are_turned_round():
    x, _ = token_sequences()
    assert 0.1 < (x == NOT).sum() / (x > 0).sum() < 0.35

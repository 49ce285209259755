"""Sequences: of numbers, as ``(samples, steps, features)``, and of tokens, ``(samples, steps)``."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from experiments.plan.generators import Noise, Samples, Seed
from experiments.plan.kinds import Integer
from scratchnet.types import Array

NOT = 1
"""The token that turns the one after it round."""


def ordered_pulses(
    *,
    n_samples: Samples = 600,
    steps: Annotated[int, Integer(2, 10_000)] = 16,
    noise: Noise = 0.1,
    random_state: Seed = 0,
) -> tuple[Array, Array]:
    """Draw a pulse up and a pulse down in each sequence; class 1 where up comes first.

    Both classes have the same values, so that nothing but their order tells them apart.

    Parameters
    ----------
    n_samples
        Number of sequences, shared evenly between the classes.
    steps
        Length of a sequence.
    noise
        Standard deviation of what is added to each step.
    random_state
        Seed.
    """
    random = np.random.RandomState(random_state)
    y = np.arange(n_samples) % 2
    x = noise * random.standard_normal((n_samples, steps, 1))
    for sequence, up_first in zip(x, y, strict=True):
        first, second = np.sort(random.choice(steps, 2, replace=False))
        sequence[first, 0] += 1.0 if up_first else -1.0
        sequence[second, 0] -= 1.0 if up_first else -1.0
    return x, y


def token_sequences(
    *,
    n_samples: Samples = 800,
    steps: Annotated[int, Integer(2, 10_000)] = 12,
    vocabulary: Annotated[int, Integer(4, 100_000)] = 20,
    random_state: Seed = 0,
) -> tuple[Array, Array]:
    """Draw sentences of good and bad words, some of them turned round; class 1 where good prevails.

    Token 0 is padding behind the end of a sentence, 1 is "not", which turns the word after it
    round; of the other tokens the even ones are good and the odd ones bad. A sentence in which
    neither prevails is drawn again.

    Parameters
    ----------
    n_samples
        Number of sentences.
    steps
        Number of tokens, the padding included.
    vocabulary
        Number of different tokens, padding and "not" included.
    random_state
        Seed.
    """
    random = np.random.RandomState(random_state)
    x = np.zeros((n_samples, steps))
    for sentence in x:
        while not _mood(sentence):
            sentence[:] = 0
            length = random.randint(steps // 2, steps + 1)
            words = random.randint(2, vocabulary, length)
            # The last word turns nothing round, so it is none of these.
            words[:-1][random.random_sample(length - 1) < 0.25] = NOT
            sentence[:length] = words
    return x, np.array([int(_mood(sentence) > 0) for sentence in x])


def _mood(sentence: Array) -> int:
    """Return by how many words good prevails over bad."""
    mood, sign = 0, 1
    for token in sentence:
        if token == NOT:
            sign = -sign
        elif token > NOT:
            mood += sign if token % 2 == 0 else -sign
            sign = 1
    return mood

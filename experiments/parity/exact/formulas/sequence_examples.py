"""Examples of embeddings, masks and recurrent layers."""

from __future__ import annotations

from experiments.parity.exact.formulas.example import Example, classified, example
from scratchnet.layers import GRU, LSTM, Dense, Dropout, Embedding, Flatten, SimpleRNN
from scratchnet.regularizers import L2

SEQUENCE_EXAMPLES: dict[str, tuple[Example, ...]] = {
    Embedding.kind: (
        example("tokens", (4,), Embedding(6, 3), Flatten(), Dense(2), tokens=6, samples=5),
        example("one token more than once", (5,), Embedding(2, 3), Flatten(), Dense(2), tokens=2),
    ),
    SimpleRNN.kind: (
        example("last output", (4, 3), SimpleRNN(5), Dense(2)),
        classified(
            "masked sequences, dropout",
            (4,),
            Embedding(3, 2, mask_zero=True),
            SimpleRNN(3, return_sequences=True, go_backwards=True, dropout=0.3),
            SimpleRNN(2, activation="relu", recurrent_dropout=0.4, use_bias=False),
            tokens=3,
        ),
    ),
    GRU.kind: (
        example("last output", (4, 3), GRU(4), Dense(2)),
        example(
            "reset before",
            (3, 2),
            GRU(3, reset_after=False, return_sequences=True, go_backwards=True),
            GRU(2, use_bias=False, kernel_regularizer=L2(0.1)),
            Dense(2),
        ),
        classified(
            "masked, dropout for each gate",
            (4,),
            Embedding(3, 2, mask_zero=True),
            GRU(3, return_sequences=True, dropout=0.3, recurrent_dropout=0.4),
            GRU(2, reset_after=False, recurrent_dropout=0.3),
            tokens=3,
        ),
    ),
    LSTM.kind: (
        example("last output", (4, 3), LSTM(5), Dense(2)),
        example(
            "sequences, backwards",
            (4, 3),
            LSTM(3, return_sequences=True, go_backwards=True),
            LSTM(2, use_bias=False, recurrent_regularizer=L2(0.1)),
            Dense(1, "sigmoid"),
            loss="binary_crossentropy",
        ),
        example(
            "silu and softsign, one step",
            (1, 2),
            LSTM(3, activation="silu", recurrent_activation="softsign"),
            Dense(2),
        ),
        classified("dropout for each gate", (3, 2), LSTM(3, dropout=0.3, recurrent_dropout=0.4)),
        classified(
            "masked sequences",
            (5,),
            Embedding(3, 2, mask_zero=True),
            Dropout(0.3),
            LSTM(4, return_sequences=True, dropout=0.25),
            LSTM(3, go_backwards=True),
            tokens=3,
        ),
    ),
}
"""By the layer's kind."""

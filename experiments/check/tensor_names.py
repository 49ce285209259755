"""What the tensors of a step are called, by both processes and in sentences."""

from __future__ import annotations

LOSS = "loss/loss"
ACCURACY = "metrics/accuracy"


def spoken(name: str) -> str:
    """Return what a tensor is called in a sentence."""
    return {LOSS: "the loss", ACCURACY: "the accuracy"}.get(name, name)

"""What a mutant is: a named variant of our network, or of the article's, as data."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.mutants.mutation import Initial, Replaced, Update
from experiments.mutants.patch import Patch

DTYPES = ("float32", "float64")

Mutation = Replaced | Update | Initial | Patch
"""What is other than it should be."""


@dataclass(frozen=True)
class Mutant:
    """A variant of a network.

    Attributes
    ----------
    name
        Unique.
    mutation
        What it does otherwise.
    scene
        On which it shows, a key of `experiments.mutants.scenes.SCENES`.
    tensor
        Full name of the tensor where it arises: the first divergence. Empty for a harmless one.
    code
        The diagnosis that should be made; empty where none is known.
    dtypes
        In which it changes a result by more than rounding.
    """

    name: str
    mutation: Mutation
    scene: str
    tensor: str = ""
    code: str = ""
    dtypes: tuple[str, ...] = DTYPES

    @property
    def harmless(self) -> bool:
        """Whether it changes nothing but rounding."""
        return not self.tensor

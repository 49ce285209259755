"""One engine for known mistakes: which wrong formula explains a wrong tensor.

`diagnose` takes a step, what of it was observed, and a test of 'equal to rounding', and answers
with a code and a sentence of `SENTENCES`. It serves the verdicts on our own network and the assert
functions, whose test is a derived bound, and `experiments.check`, whose test is measured noise.

The formulas stand in a module for each part of a step (`forward`, `loss`, `backward`, `update`),
and `KNOWN` lists them by kind of layer and tensor; `general` holds those that every tensor may
show. A new layer adds its own formulas to `KNOWN`, and their sentences to `SENTENCES`.
"""

from experiments.parity.mistakes.known import KNOWN, mistakes
from experiments.parity.mistakes.observed import ObservedStep
from experiments.parity.mistakes.scene import Mistake, Mistakes, Scene, mistake
from experiments.parity.mistakes.search import Diagnosis, diagnose
from experiments.parity.mistakes.sentences import SENTENCES

__all__ = [
    "KNOWN",
    "SENTENCES",
    "Diagnosis",
    "Mistake",
    "Mistakes",
    "ObservedStep",
    "Scene",
    "diagnose",
    "mistake",
    "mistakes",
]

"""Known mistakes: wrong formulas that people write, a module per place in a training step.

Two families stand side by side: plain mistakes, such as a missing 1/m, and differences of meaning,
where both formulas are in use and only one is Keras's.
"""

from experiments.parity.mistakes.general import described
from experiments.parity.mistakes.known import variants
from experiments.parity.mistakes.scene import Scene, Variant, Variants
from experiments.parity.mistakes.sentences import SENTENCES

__all__ = ["SENTENCES", "Scene", "Variant", "Variants", "described", "variants"]

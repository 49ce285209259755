"""All mutants."""

from experiments.mutants.article import ARTICLE, ARTICLE_HARMLESS
from experiments.mutants.backward import BACKWARD
from experiments.mutants.forward import FORWARD
from experiments.mutants.harmless import HARMLESS
from experiments.mutants.initial import INITIAL
from experiments.mutants.loss import LOSS_GRADIENTS, LOSSES
from experiments.mutants.unnamed import UNNAMED
from experiments.mutants.update import UPDATES

MISTAKES = (
    *FORWARD,
    *LOSSES,
    *LOSS_GRADIENTS,
    *BACKWARD,
    *UPDATES,
    *INITIAL,
    *UNNAMED,
    *ARTICLE,
)
VARIANTS = (*HARMLESS, *ARTICLE_HARMLESS)

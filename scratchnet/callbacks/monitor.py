"""What callbacks share that wait for a measure to improve."""

from __future__ import annotations

from dataclasses import dataclass, field

from scratchnet.callbacks.base import Callback, Logs
from scratchnet.errors import ArchitectureError, check_choice

_MODES = ("auto", "min", "max")


@dataclass(eq=False)
class MonitorCallback(Callback):
    """Watches one curve of the history (``keras.src.callbacks.MonitorCallback``).

    An improvement is ``value < best - min_delta``, or ``value > best + min_delta`` where more is
    better; the first value always is one. So in Keras: a value that is not a number never is.
    """

    monitor: str = "val_loss"
    mode: str = field(default="auto", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.monitor, str) or not self.monitor:
            raise ArchitectureError(
                f"{type(self).__name__}: monitor = {self.monitor!r}; expected the name of a curve, "
                "as 'val_loss'"
            )
        try:
            check_choice("mode", self.mode, _MODES)
        except ArchitectureError as error:
            raise ArchitectureError(f"{type(self).__name__}: {error}") from None

    def on_train_begin(self) -> None:
        """Find out in which direction the curve improves.

        Raises
        ------
        ValueError
            If that cannot be known, or if there will be no such curve.
        """
        curve = self.monitor.removeprefix("val_")
        if self.monitor.startswith("val_") and not self.training.has_validation:
            raise ValueError(
                f"{type(self).__name__}: monitor = {self.monitor!r}, and there are no validation "
                f"data; give validation_data or validation_split, or monitor {curve!r}"
            )
        direction = {"min": "down", "max": "up"}.get(self.mode)
        direction = direction or self.training.directions.get(curve)
        if direction is None:
            raise ValueError(
                f"{type(self).__name__}: monitor = {self.monitor!r}, of which it is not known "
                "whether less or more is better; give mode = 'min' or 'max'"
            )
        self._up = direction == "up"

    def monitored(self, logs: Logs) -> float:
        """Return the monitored value of an epoch.

        Raises
        ------
        ValueError
            If it was not measured.
        """
        if self.monitor not in logs:
            raise ValueError(
                f"{type(self).__name__}: monitor = {self.monitor!r} is not measured; expected one "
                f"of {', '.join(logs)}"
            )
        return logs[self.monitor]

    def is_improvement(self, value: float, best: float | None, min_delta: float = 0.0) -> bool:
        """Whether a value is better than the best so far by more than `min_delta`."""
        if best is None:
            return True
        return value - min_delta > best if self._up else value + min_delta < best


def check_number(
    callback: str, name: str, value: object, *, lowest: float = 0.0, whole: bool = False
) -> None:
    """Require a number of at least `lowest`.

    Raises
    ------
    ArchitectureError
        If it is none.
    """
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not value >= lowest:
        noun = "an integer" if whole else "a number"
        raise ArchitectureError(
            f"{callback}: {name} = {value!r}; expected {noun} of at least {lowest:g}"
        )

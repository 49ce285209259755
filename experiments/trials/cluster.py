"""Trials on a Dask cluster: one on this machine, or one that somebody started on many.

Results come back through the scheduler, so no disk need be shared. A Dask worker runs one trial at
a time, in a process of its own, so that one which crashes or passes a limit leaves the worker as
it is. Where a worker is lost, Dask gives its trials to others.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from experiments.plan.plan import Trial
from experiments.runtime.processes import NO_LIMITS, Limits, WorkerPool
from experiments.trials.execution import OnProgress, Outcome, on_pool, outcome_of, start
from experiments.trials.record import DamagedError, Record
from experiments.trials.sources import origin
from experiments.trials.store import Failure

LOCAL = "local"


class ClusterError(Exception):
    """A cluster cannot be used; the message is one line for the user."""


@dataclass(frozen=True)
class OnDask:
    """Trials on a Dask cluster.

    Attributes
    ----------
    address
        Of its scheduler, as ``tls://host:8786``; ``local``: a cluster on this machine.
    jobs
        Number of workers of a local cluster.
    limits
        What each trial may take.
    """

    address: str
    jobs: int = 1
    limits: Limits = NO_LIMITS

    def run(
        self,
        trials: Sequence[Trial],
        on_progress: OnProgress,  # noqa: ARG002
    ) -> Generator[tuple[Trial, Outcome], None, None]:
        """Run trials, and yield what each leaves."""
        from distributed import as_completed

        # Of another start's tasks nothing is taken.
        token = secrets.token_hex(4)
        with _client(self.address, self.jobs) as client:
            waiting = {
                client.submit(
                    attempt_on_worker, trial, self.limits, key=f"{trial.key}-{token}", pure=False
                ): trial
                for trial in trials
            }
            for future in as_completed(waiting):
                trial = waiting.pop(future)
                error = future.exception()
                outcome = future.result() if error is None else _lost(error)
                future.release()
                yield trial, _checked(trial, outcome)


def _lost(error: BaseException) -> Failure:
    if type(error).__name__ == "KilledWorker":
        return Failure("crashed", "the Dask workers that ran it were lost, one after another")
    return Failure("crashed", f"{type(error).__name__}: {error}".splitlines()[0])


def _checked(trial: Trial, outcome: Outcome) -> Outcome:
    """Take a result only if it is this trial's, arrived whole, and was computed by this code."""
    if not isinstance(outcome, Record):
        return outcome
    try:
        if outcome.is_current(trial):
            return outcome
    except DamagedError as error:
        return Failure("crashed", f"what a Dask worker sent is damaged: {error}")
    return Failure(
        "crashed",
        "a Dask worker has other code or libraries than this machine "
        f"({', '.join(f'{name} {value}' for name, value in origin().items())}); install the same",
    )


def attempt_on_worker(trial: Trial, limits: Limits) -> Outcome:
    """Run one trial on a Dask worker, in a process beside it that serves the next one too."""
    return outcome_of(on_pool(_pool(trial.backend), trial, limits, timed_alone=True))


@cache
def _pool(backend: str) -> WorkerPool:
    # One, so a worker with several threads still runs one trial at a time.
    return WorkerPool(1, partial(start, backend))


@contextmanager
def _client(address: str, jobs: int) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    if address == LOCAL:
        with (
            LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout="20s")
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"--scheduler {address}: cannot be reached ({_line(error)}); expected the address "
            "of a running Dask scheduler"
        ) from None
    with client:
        yield client


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def check_address(address: str, *, plain_tcp: bool) -> None:
    """Refuse an address that is not valid, and one over which anyone could send code.

    Parameters
    ----------
    address
        ``local``, or a scheduler's, as ``tcp://127.0.0.1:8786``.
    plain_tcp
        Whether the user accepts an address of another machine without encryption.

    Raises
    ------
    ClusterError
        With one line for the user.
    """
    if address != LOCAL:
        _check_remote(address, plain_tcp=plain_tcp)
    if importlib.util.find_spec("distributed") is None:
        raise ClusterError("--scheduler needs Dask; pip install '.[cluster]' installs it")


def _check_remote(address: str, *, plain_tcp: bool) -> None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.scheme not in ("tcp", "tls"):
        raise ClusterError(
            f"--scheduler {address}: expected 'local', or an address as tls://host:8786 or "
            "tcp://127.0.0.1:8786"
        )
    if parts.scheme == "tcp" and not _is_loopback(host) and not plain_tcp:
        raise ClusterError(
            f"--scheduler {address}: is another machine, over plain tcp, where anyone on the "
            "network can read and send code; use tls://, or accept it with --plain-tcp"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

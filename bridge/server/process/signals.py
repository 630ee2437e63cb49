"""What a bridge does at signals that do not stop it, and what it says then.

SIGTERM and SIGINT stop it: see `worker.py` and `supervisor.py`. Without a handler the others here would end the process
without a word, and its calls with it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from bridge.config.toml_file import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.server.process.systemd import ServiceManager
    from bridge.telemetry.log import Log

#: Reads the settings again.
RELOAD: Final = signal.SIGHUP
#: Writes the stacks of all threads to stderr, even in a process that hangs.
DUMP: Final = signal.SIGUSR1
#: `prctl` of Linux: the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG: Final = 1
#: Nothing is done, and a line says so.
_IGNORED: Final = (signal.SIGUSR2, signal.SIGQUIT, signal.SIGALRM)


def handle_signals(log: Log) -> None:
    """Set the handlers in this process: a reload is ignored too, until somebody is there who can do it."""
    faulthandler.unregister(DUMP)  # the parent's, of which only half is left after a fork
    for number in (*_IGNORED, RELOAD, DUMP):
        signal.signal(number, lambda number, _frame: _ignore(log, number))
    with suppress(AttributeError, RuntimeError, ValueError, OSError):  # stderr is closed: nobody would see the stacks
        faulthandler.register(DUMP, file=sys.stderr, all_threads=True)


def _ignore(log: Log, number: int) -> None:
    log.write("warning", "signal.ignored", "A signal is ignored", signal=signal.Signals(number).name)


@contextmanager
def logged_reload(log: Log, manager: ServiceManager) -> Iterator[None]:
    """Say how a reload went. Settings that are wrong change nothing."""
    manager.reloading()
    try:
        yield
    except ConfigError as error:
        log.write("error", "settings.rejected", "The settings are wrong and stay as they are", errors=list(error.lines))
    else:
        log.write("info", "settings.reloaded", "Certificates and rules for clients were read again")
    finally:
        manager.ready()


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes, as far as they still exist."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def continue_without_parent() -> None:
    """Let this process go on when its parent dies, should it be stopped then. On Linux; elsewhere it stays stopped."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGCONT))

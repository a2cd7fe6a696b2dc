"""Logs what nobody catches: errors in threads and finalisers, and warnings.

Python writes them to stderr as they are. Such a thread may be that of a partner's adapter, and its text may
hold a key or a card number; log lines are redacted.
"""

import logging
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

logger = logging.getLogger(__name__)


def log_stray_errors() -> None:
    """Log them from now on; hooks that somebody has set already, such as a test runner, stay."""
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = log_error_of_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = log_unraisable
    logging.captureWarnings(True)


def log_error_of_thread(args: threading.ExceptHookArgs) -> None:
    """Log the error that has ended a thread. SystemExit is none."""
    if issubclass(args.exc_type, SystemExit):
        return
    name = args.thread.name if args.thread else "unknown"
    logger.error("the thread %s has failed", name, exc_info=args.exc_value)


def log_unraisable(args: "UnraisableHookArgs") -> None:
    """Log an error of a finaliser, which can go nowhere else."""
    what = args.err_msg or "exception ignored in"
    logger.error("%s %s", what, type(args.object).__name__, exc_info=args.exc_value)

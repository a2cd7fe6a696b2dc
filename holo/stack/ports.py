"""Which port each part listens on, and who sits on one that is busy."""

import errno
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError

LOOPBACK = "127.0.0.1"
# Valkey's port, the highest, plus this stays below those that Linux gives outgoing connections (32768).
LARGEST_OFFSET = 16000
_LISTEN = "0A"
# Where nothing of ours has a place of its own, unless moved there by PORT_OFFSET.
_FREE = range(20_000, 32_768)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Every port of one checkout."""

    web: int
    temporal: int
    temporal_ui: int
    postgres: int
    valkey: int
    worker_metrics: int
    relay_metrics: int
    temporal_metrics: int


def ports_at(offset: int) -> Ports:
    """Return the ports moved by `offset`, so that checkouts run side by side."""
    if not 0 <= offset <= LARGEST_OFFSET:
        raise StackError(
            _("PORT_OFFSET=%(offset)d is out of range; the largest is %(largest)d")
            % {"offset": offset, "largest": LARGEST_OFFSET}
        )
    return Ports(
        web=8000 + offset,
        temporal=7233 + offset,
        temporal_ui=8233 + offset,
        postgres=15432 + offset,
        valkey=16379 + offset,
        worker_metrics=9464 + offset,
        relay_metrics=9465 + offset,
        temporal_metrics=9466 + offset,
    )


def free_port() -> int:
    """Return a port of the loopback that nobody uses now.

    Below those that Linux gives outgoing connections: one of these could be taken before it is listened on.
    """
    port = secrets.choice(_FREE)
    while is_busy(port):
        port = secrets.choice(_FREE)
    return port


def is_busy(port: int) -> bool:
    """Return whether a server could not listen on this port."""
    with socket.socket() as probe:
        # As servers do: without it, connections of an earlier run that linger in TIME_WAIT count as busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def answers(port: int, timeout: float = 0.5) -> bool:
    """Return whether something accepts connections on this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout):
            return True
    except OSError:
        return False


def is_listened_on(port: int) -> bool:
    """Return whether a server has the port, and not merely a client's connection that started there."""
    return answers(port) or bool(_inodes(port, listening=True))


def owner_of(port: int) -> str | None:
    """Return `pid 123 (command line)` of the process that has the port, where the system tells."""
    inodes = _inodes(port, listening=True) or _inodes(port, listening=False)
    for entry in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            mine = os.readlink(entry) in inodes
        except OSError:
            continue  # closed meanwhile, or somebody else's
        if mine:
            pid = int(entry.parts[2])
            return f"pid {pid} ({command_of(pid)})"
    return None


def command_of(pid: int) -> str:
    """Return the command line of a process, shortened, or an empty text when it is gone or hidden."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return b" ".join(words).decode(errors="replace").strip()[:120]


def _inodes(port: int, *, listening: bool) -> set[str]:
    wanted = f":{port:04X}"
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (row.split() for row in rows):
            if fields[1].endswith(wanted) and (fields[3] == _LISTEN) is listening:
                found.add(f"socket:[{fields[9]}]")
    return found

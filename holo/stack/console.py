"""What `up` shows: each line of a part behind its coloured name, the same lines in `.run/logs/`."""

import os
import sys
from pathlib import Path
from typing import BinaryIO, TextIO

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
# Of each part: the present file and two older ones.
_FILE_BYTES, _OLDER_FILES = 5_000_000, 2


class Console:
    """The terminal and the log files. `quiet` parts still go to their files."""

    def __init__(self, log_dir: Path, *, stream: TextIO | None = None) -> None:
        self.log_dir = log_dir
        self.quiet = False
        self._stream = stream or sys.stdout
        self._colour = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._files: dict[str, BinaryIO] = {}

    def log_file(self, name: str) -> Path:
        """Return where the lines of a part go."""
        return self.log_dir / f"{name}.log"

    def say(self, text: str) -> None:
        """Say something in the stack's own name."""
        self._print(self._prefix("up", 1) + text)

    def plain(self, text: str) -> None:
        """Print a line without a prefix."""
        self._print(text)

    def line(self, name: str, raw: bytes, *, prefix: bool = True) -> None:
        """Take one line of a part's output."""
        file = self._file(name)
        file.write(raw + b"\n")
        file.flush()
        if file.tell() > _FILE_BYTES:
            self._rotate(name)
        text = raw.decode(errors="replace")
        if not prefix:
            self._print(text)
        elif not self.quiet:
            self._print(self._prefix(name, _COLOURS[sum(name.encode()) % len(_COLOURS)]) + text)

    def close(self) -> None:
        """Close the log files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _print(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except (BrokenPipeError, OSError):
            self._stream = _nowhere()  # the terminal is gone; the files go on

    def _prefix(self, name: str, colour: int) -> str:
        label = f"{name:<9}| "
        return f"\x1b[{colour}m{label}\x1b[0m" if self._colour else label

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            self.log_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._files[name] = self.log_file(name).open("ab")
        return self._files[name]

    def _rotate(self, name: str) -> None:
        """Begin a new file; the part writes into a pipe and need not know."""
        self._files.pop(name).close()
        path = self.log_file(name)
        older = [path.with_suffix(f".log.{number}") for number in range(1, _OLDER_FILES + 1)]
        for source, target in reversed(list(zip([path, *older], older, strict=False))):
            if source.exists():
                source.replace(target)


def _nowhere() -> TextIO:
    return open(os.devnull, "w")

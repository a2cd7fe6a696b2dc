"""How tables and colours of ours look on a terminal, in a log and in a pipe."""

import os
from io import TextIOWrapper
from typing import IO, Literal

from rich.console import Console

_WIDTH_WITHOUT_TERMINAL = 132


def make_console(stream: IO[str]) -> Console:
    """Return a console on `stream`: styled on a terminal unless NO_COLOR is set, else plain text."""
    if isinstance(stream, TextIOWrapper):
        # Arrows and ¥ on an ASCII terminal become question marks instead of an error.
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(file=stream, width=width, color_system=colours, highlight=False, markup=False, emoji=False)

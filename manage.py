#!/usr/bin/env python
"""Runs Holo's management commands."""

import gc
import os
import sys


def main() -> int:
    """Hand the command line over; return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "holo.settings")
    # Nearly all that imports make stays: to look for garbage meanwhile took a third of the start.
    gc.disable()
    try:
        from holo.stack import command_line
    except ImportError as error:
        print(f"{error}; run `make install`, then use .venv/bin/python manage.py", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return command_line.main(sys.argv)


if __name__ == "__main__":
    sys.exit(main())

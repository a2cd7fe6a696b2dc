"""Runs a command beside two busy processes, as on a busy machine: `python -m tests.busy COMMAND`."""

import multiprocessing
import subprocess
import sys

PROCESSES = 2


def spin() -> None:
    """Use a whole core until the process is ended."""
    while True:
        pass


def main(command: list[str]) -> int:
    """Run the command to its end; return its exit code."""
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(PROCESSES)]
    for process in busy:
        process.start()
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        for process in busy:
            process.kill()
            process.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

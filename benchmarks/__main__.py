"""`python -m benchmarks`: start a stack, measure, print a table, write a JSON file."""

import argparse
import os
import sys

from benchmarks.report import Figure, Report
from benchmarks.stack import BenchmarkError, MeasuredStack, measured_stack

PARTS = ("start", "reservations", "orders", "approval", "placing", "memory")


def main() -> int:
    """Run and return the exit code: 1 when the measurement could not be made."""
    options = _options()
    parts = frozenset(options.only or PARTS)
    report = Report(quick=options.quick)
    try:
        with measured_stack(port_offset=options.port_offset) as stack:
            _start(stack, report, twice="start" in parts)
            _measure(stack, report, parts, quick=options.quick)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report.show()
    if not options.dry:
        print(report.write())
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, below two minutes")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only; repeatable")
    parser.add_argument("--port-offset", type=int, default=9000, help="move all ports by this")
    parser.add_argument("--dry", action="store_true", help="write no JSON file")
    return parser.parse_args()


def _start(stack: MeasuredStack, report: Report, *, twice: bool) -> None:
    stack.get_ready()
    report.say("starting the stack with an empty folder")
    cold = stack.start()
    report.add(Figure(name="cold start", value=cold, unit="s", better="less", note="empty folder"))
    if twice:
        stack.stop()
        report.add(Figure(name="warm start", value=stack.start(), unit="s", better="less"))


def _measure(stack: MeasuredStack, report: Report, parts: frozenset[str], *, quick: bool) -> None:
    os.environ.clear()
    os.environ.update(stack.environment)
    import django

    django.setup()
    # Models can be imported only now.
    from benchmarks.run import FULL, QUICK, Bench, measure
    from holo.stack.ports import ports_at

    size = QUICK if quick else FULL
    ports = ports_at(int(stack.environment["PORT_OFFSET"]))
    measure(Bench(report=report, stack=stack, ports=ports, url=os.environ["DATABASE_URL"], size=size), parts)


if __name__ == "__main__":
    sys.exit(main())

"""Draws `docs/images/order-states.svg` from the table of statuses: `python docs/diagrams.py [--check]`.

Only the layout is written here. A move that the layout has no way for is an error, so that a new status is
placed by a person and never left out.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from orders.states import TRANSITIONS, Status  # noqa: E402 - the line above makes it importable

TARGET = ROOT / "docs" / "images" / "order-states.svg"
OUT_OF_DATE = 3

WIDTH, HEIGHT = 940, 448
COLUMN, BOX, END_BOX, TALL = 182, 146, 116, 40
LEFT, TOP_BAR, MAIN, ENDS, BOTTOM_BAR = 24, 56, 178, 292, 372

# The way of an order, left to right, and the ends below that only one of these steps leads to.
WAY = (
    Status.PLACED,
    Status.AWAITING_APPROVAL,
    Status.AWAITING_PAYMENT,
    Status.FULFILLING,
    Status.COMPLETED,
)
OWN_END = {
    Status.PLACED: Status.OUT_OF_STOCK,
    Status.AWAITING_APPROVAL: Status.REJECTED,
    Status.AWAITING_PAYMENT: Status.PAYMENT_FAILED,
    Status.FULFILLING: Status.REFUNDED,
}

STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de; }
  .step { fill: #ddf4ff; stroke: #54aeff; }
  .good { fill: #dafbe1; stroke: #4ac26b; }
  .end  { fill: #f6f8fa; stroke: #8c959f; }
  .wait { fill: #fff8c5; stroke: #d4a72c; }
  .edge { fill: none; stroke: #57606a; stroke-width: 1.5; }
  text  { font: 14px system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; fill: #1f2328; }
  .note { font-size: 12px; fill: #57606a; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a status stands."""

    x: float
    y: float
    width: float
    style: str

    @property
    def middle(self) -> float:
        """Return the x of its centre."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """Return the y of its lower border."""
        return self.y + TALL


def column(status: Status) -> float:
    """Return the left border of a status on the way."""
    return LEFT + WAY.index(status) * COLUMN


def boxes() -> dict[Status, Box]:
    """Return the place of every status."""
    placed = {status: Box(x=column(status), y=MAIN, width=BOX, style="step") for status in WAY}
    placed[Status.COMPLETED] = Box(x=column(Status.COMPLETED), y=MAIN, width=BOX, style="good")
    for source, end in OWN_END.items():
        placed[end] = Box(x=column(source), y=ENDS, width=END_BOX, style="end")
    bar = COLUMN * (len(OWN_END) - 1) + BOX
    placed[Status.NEEDS_ATTENTION] = Box(x=LEFT, y=TOP_BAR, width=bar, style="wait")
    placed[Status.CANCELLED] = Box(x=LEFT, y=BOTTOM_BAR, width=bar, style="end")
    missing = sorted(set(Status) - set(placed))
    if missing:
        raise SystemExit(f"docs/diagrams.py has no place for: {', '.join(missing)}")
    return placed


def way_of(source: Status, target: Status, places: dict[Status, Box]) -> str:
    """Return the SVG path of one move."""
    start, end = places[source], places[target]
    if target == Status.NEEDS_ATTENTION:
        return f"M{start.middle - 12} {start.y}V{end.bottom}"
    if source == Status.NEEDS_ATTENTION:
        return f"M{end.middle + 12} {start.bottom}V{end.y}"
    if target == Status.CANCELLED:
        return f"M{start.x + BOX - 14} {start.bottom}V{end.y}"
    if OWN_END.get(source) == target:
        return f"M{end.middle} {start.bottom}V{end.y}"
    steps = WAY.index(target) - WAY.index(source) if {source, target} <= set(WAY) else 0
    if steps == 1:
        return f"M{start.x + BOX} {MAIN + TALL / 2}H{end.x}"
    if steps == 2:
        left, right, arch = start.x + BOX - 24, end.x + 24, MAIN - 44
        return f"M{left} {MAIN}C{left + 44} {arch} {right - 44} {arch} {right} {MAIN}"
    raise SystemExit(f"docs/diagrams.py knows no way from {source} to {target}")


def drawing() -> str:
    """Return the whole picture."""
    places = boxes()
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title">',
        "<!-- Written by docs/diagrams.py from orders/states.py; do not edit. -->",
        '<title id="title">The statuses of an order and every move between them</title>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8"'
        ' orient="auto" markerUnits="userSpaceOnUse">'
        '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>',
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10"/>',
    ]
    for source in Status:
        for target in sorted(TRANSITIONS[source]):
            path = way_of(source, target, places)
            lines.append(f'<path class="edge" marker-end="url(#tip)" d="{path}"/>')
    for status, box in places.items():
        name = status.value.replace("_", " ")
        lines.append(
            f'<rect class="{box.style}" x="{box.x}" y="{box.y}" width="{box.width}" height="{TALL}" rx="8"/>'
            f'<text x="{box.middle}" y="{box.y + 25}" text-anchor="middle">{name}</text>'
        )
    lines += notes()
    return "\n".join([*lines, "</svg>", ""])


def notes() -> list[str]:
    """Return the few words beside the picture."""
    right = column(Status.COMPLETED)
    return [
        f'<text class="note" x="{LEFT}" y="34">A step that failed for good is parked above; a retry puts the'
        " order back where it was.</text>",
        f'<text class="note" x="{right}" y="{ENDS + 14}">Grey: the other ends.</text>',
        f'<text class="note" x="{right}" y="{ENDS + 32}">Nothing is left held,</text>',
        f'<text class="note" x="{right}" y="{ENDS + 50}">charged or labelled.</text>',
    ]


def main() -> None:
    """Write the picture, or with --check tell whether it is current."""
    text = drawing()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != text:
        print("docs/images/order-states.svg is out of date; run `python docs/diagrams.py`", file=sys.stderr)
        raise SystemExit(OUT_OF_DATE)


if __name__ == "__main__":
    main()

"""What the demonstration prints."""

import io

import pytest

from holo.common.terminal import make_console
from orders.demo.answers import Entry, read_money
from orders.demo.order_run import Outcome
from orders.demo.report import Closing, Report
from orders.demo.stock import Problem

pytestmark = pytest.mark.pure


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def outcome(*problems: Problem) -> Outcome:
    """Return the outcome of a shipped order."""
    return Outcome(
        key="A1",
        title="one iPhone, paid",
        number="SO-2026-000007",
        path=("placed", "awaiting_payment", "fulfilling", "completed"),
        seconds=1.24,
        stock={"iPhone15": (100, 99)},
        problems=problems,
    )


def printed(stream: io.StringIO, *outcomes: Outcome) -> str:
    """Return the table, and each outcome before it."""
    report = Report(make_console(stream))
    for each in outcomes:
        report.open_scenario(each.key, each.title)
        report.close_scenario(each)
    report.show_table(outcomes)
    return stream.getvalue()


def test_pipe_gets_plain_text_without_control_codes() -> None:
    text = printed(io.StringIO(), outcome())
    assert "\x1b" not in text
    assert "as it must be; on hand: iPhone15 100 → 99" in text
    row = next(line for line in text.splitlines() if line.startswith("A1") and "SO-" in line)
    assert " ".join(row.split()) == (
        "A1 SO-2026-000007 placed → awaiting payment → fulfilling → completed 1.2 iPhone15 100 → 99 good"
    )


def test_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in printed(Terminal(), outcome())


def test_terminal_with_no_color_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    text = printed(Terminal(), outcome())
    assert "\x1b" not in text


def test_wrong_outcome_tells_expected_and_actual() -> None:
    text = printed(io.StringIO(), outcome(Problem(what="path", expected="a → b", actual="a → c")))
    assert "not as it must be" in text
    assert "wrong: path" in text
    assert "expected: a → b" in text
    assert "actual: a → c" in text
    assert "WRONG" in text
    assert "good" not in text


def test_text_that_looks_like_markup_is_printed_as_it_is() -> None:
    stream = io.StringIO()
    Report(make_console(stream)).tell_action("POST [bold] :smile: [/]", 0.5)
    assert stream.getvalue() == "  0.50 s  ▸ POST [bold] :smile: [/]\n"


def test_entry_shows_move_warehouses_amount_and_person() -> None:
    stream = io.StringIO()
    Report(make_console(stream)).tell_entry(
        Entry(
            kind="stock_reserved",
            from_status="placed",
            to_status="awaiting_payment",
            by="wei@example.com",
            data={"warehouses": ["CAN", "SHA"], "amount": {"amount": "4898.00", "currency": "CNY"}},
        ),
        12.3456,
    )
    assert stream.getvalue() == (
        " 12.35 s    stock reserved → awaiting payment  CAN + SHA, ¥4,898.00, by wei@example.com\n"
    )


def test_long_command_is_not_broken_so_that_it_can_be_copied() -> None:
    stream = io.StringIO()
    command = "curl " + "x" * 300
    Report(make_console(stream)).close(
        Closing(
            urls={"admin": "http://127.0.0.1:8000/admin/"},
            logins=(("approver@example.com", "decides"),),
            password="holo-demo",
            secret="JBSWY3DPEHPK3PXP",
            code="123456",
            waiting="SO-2026-000009",
            inbox="http://127.0.0.1:8000/admin/approvals/approvalrequest/",
            commands=(("Order something:", command),),
        )
    )
    assert f"  {command}\n" in stream.getvalue()
    assert "SO-2026-000009 waits for you" in stream.getvalue()


@pytest.mark.parametrize(
    ("amount", "shown"), [("500.00", "¥500.00"), ("20000.00", "¥20,000.00"), ("1234567.89", "¥1,234,567.89")]
)
def test_money_is_shown_as_people_write_it(amount: str, shown: str) -> None:
    assert read_money({"amount": amount, "currency": "CNY"}) == shown


def test_ascii_stream_gets_question_marks_instead_of_an_error() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Report(make_console(stream)).tell_action("¥500.00", 0.5)
    stream.flush()
    assert raw.getvalue() == b"  0.50 s  ? ?500.00\n"

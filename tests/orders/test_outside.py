"""What a gateway or a carrier answers or raises is believed only if it is as the ports say."""

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings

from holo.common.logs import redacted
from holo.common.money import Money
from orders.outside import (
    LONGEST_DECLINE_CODE,
    LONGEST_REFERENCE,
    CheckedCarrier,
    CheckedGateway,
    OddAnswerError,
    OutsideFailedError,
    carrier,
    payment_gateway,
)
from orders.ports import CarrierRefusedError, Charge, ChargeState, Label, OutsideUnavailableError, Parcel
from tests.orders.odd import ANY, CARD, EMPTY_LABEL, LABELS, SECRET, STATES, TEXTS

pytestmark = pytest.mark.pure

CHARGE = Charge(
    key="k", token="tok_ok", amount=Money(minor=1000, currency="CNY"), submitted_before=True, captured=True
)
PARCEL = Parcel(key="k", warehouse="EAST", ship_to=None)
RIGHT = {
    "lookup": "captured",
    "authorise": "authorised",
    "capture": "captured",
    "void": "voided",
    "refund": "refunded",
}


class Gateway:
    """A gateway whose every call gives one answer."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments, **keywords: self._answer()


def asked(operation: str, answer: Callable[[], Any]) -> ChargeState:
    """Call one operation of a gateway that answers so."""
    found: ChargeState = getattr(CheckedGateway(Gateway(answer)), operation)(CHARGE)
    return found


def said(state: str, **changes: Any) -> ChargeState:
    """Return what a gateway says."""
    known = ChargeState(state=state, amount=CHARGE.amount, reference="ref", decline_code="")  # type: ignore[arg-type]
    return replace(known, **changes)


@pytest.mark.parametrize(("operation", "state"), RIGHT.items())
def test_control_right_answer_is_believed(operation: str, state: str) -> None:
    assert asked(operation, lambda: said(state)) == said(state)


@pytest.mark.parametrize("operation", RIGHT)
@pytest.mark.parametrize("name", [*ANY, *STATES])
def test_nonsense_is_refused(operation: str, name: str) -> None:
    real = said(RIGHT[operation])
    with pytest.raises((OddAnswerError, OutsideFailedError)) as raised:
        asked(operation, lambda: {**ANY, **STATES}[name](real))
    shown = "".join(traceback.format_exception(raised.value))
    assert CARD not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        ("lookup", "authorised"),
        ("lookup", "declined"),
        ("lookup", "voided"),
        ("refund", "captured"),
        ("refund", "voided"),
        ("refund", "declined"),
        ("void", "captured"),
        ("void", "authorised"),
        ("capture", "authorised"),
    ],
)
def test_answer_against_what_was_asked_is_refused(operation: str, state: str) -> None:
    with pytest.raises(OddAnswerError, match=f"{operation} answered the state “{state}”"):
        asked(operation, lambda: said(state))


def test_answer_is_shown_with_what_makes_it_another_one() -> None:
    with pytest.raises(OddAnswerError, match=r"answered the state “ captured\\x00”; expected: captured"):
        asked("lookup", lambda: said(" captured\x00"))


def test_text_of_several_lines_becomes_one() -> None:
    def answer() -> None:
        raise ValueError("HTTP 500\r\n\r\n\tno such\u2028account")

    with pytest.raises(OutsideFailedError, match="refund failed: ValueError: HTTP 500 no such account"):
        asked("refund", answer)


def test_charge_that_was_captured_cannot_be_unknown() -> None:
    with pytest.raises(OddAnswerError, match="knows nothing of a charge that it captured"):
        asked("lookup", lambda: None)
    gateway = CheckedGateway(Gateway(lambda: None))
    assert gateway.lookup(replace(CHARGE, captured=False)) is None


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_cleaned_and_cut(name: str) -> None:
    known = asked("lookup", lambda: TEXTS[name](said("captured")))
    expected = {
        "long_reference": "r" * LONGEST_REFERENCE,
        "no_reference": "",
        "nul_reference": "ref",
        "dict_reference": "",
        "endless_reference": ("token" * LONGEST_REFERENCE)[:LONGEST_REFERENCE],
    }
    assert known.reference == expected.get(name, "17")


@pytest.mark.parametrize("reference", ["8515131751004941", "2026113012345674", "4242424242424242"])
def test_reference_of_digits_alone_stays_as_the_gateway_gave_it(reference: str) -> None:
    """One number in ten has a card's check digit, and by its reference people find the charge."""
    assert asked("lookup", lambda: said("captured", reference=reference)).reference == reference
    assert (
        asked("lookup", lambda: said("captured", reference=f"card {CARD}")).reference == "card [card number]"
    )


def test_decline_code_is_cut_and_holds_no_card_number() -> None:
    known = asked("authorise", lambda: said("declined", decline_code=f"do_not_honour {CARD} " + "x" * 76))
    assert known.decline_code == ("do_not_honour [card number] " + "x" * 76)[:LONGEST_DECLINE_CODE]


@pytest.mark.parametrize("name", [*ANY, *EMPTY_LABEL])
def test_label_that_is_none_is_refused(name: str) -> None:
    real = Label(reference="lbl", tracking_number="HX1")
    partner = CheckedCarrier(Gateway(lambda: {**ANY, **EMPTY_LABEL}[name](real)))
    with pytest.raises((OddAnswerError, OutsideFailedError)):
        partner.create_label(PARCEL)


@pytest.mark.parametrize("name", LABELS)
def test_label_is_cleaned_and_cut(name: str) -> None:
    real = Label(reference="lbl", tracking_number="HX1")
    label = CheckedCarrier(Gateway(lambda: LABELS[name](real))).create_label(PARCEL)
    expected = {"nul_tracking": "HX 12", "long_tracking": "9" * LONGEST_REFERENCE}
    assert (label.reference, label.tracking_number) == ("lbl", expected.get(name, ""))


@pytest.mark.parametrize("name", [name for name in ANY if name != "none"])
def test_only_none_says_that_a_parcel_was_taken_or_a_label_voided(name: str) -> None:
    partner = CheckedCarrier(Gateway(lambda: ANY[name](None)))
    with pytest.raises((OddAnswerError, OutsideFailedError)):
        partner.hand_over(PARCEL)
    with pytest.raises((OddAnswerError, OutsideFailedError)):
        partner.void_label(key=PARCEL.key)


def test_interrupt_that_an_adapter_raises_does_not_end_the_worker() -> None:
    """The worker runs steps in threads; an interrupt from the terminal reaches the main thread alone."""

    def answer() -> None:
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as threads, pytest.raises(OutsideFailedError, match="KeyboardInterrupt"):
        threads.submit(asked, "refund", answer).result()
    with pytest.raises(KeyboardInterrupt):
        asked("refund", answer)


class Unmakeable:
    """An adapter that cannot be made while `error` is set."""

    error: BaseException | None = None

    def __init__(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    "error", [ValueError(f"the key {SECRET} has expired"), SystemExit(2), OutsideUnavailableError(SECRET)]
)
@pytest.mark.parametrize(("setting", "partner"), [("PAYMENT_GATEWAY", payment_gateway), ("CARRIER", carrier)])
def test_adapter_that_cannot_be_made_fails_like_a_call(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, setting: str, partner: Any, error: BaseException
) -> None:
    setattr(settings, setting, f"{__name__}.Unmakeable")
    monkeypatch.setattr(Unmakeable, "error", error)
    partner.cache_clear()
    try:
        with pytest.raises((OutsideFailedError, OutsideUnavailableError)) as raised:
            partner()
        assert SECRET not in str(raised.value)
        monkeypatch.setattr(Unmakeable, "error", None)
        assert partner() is partner(), "the next call tries again, and keeps what it made"
    finally:
        partner.cache_clear()


@pytest.mark.parametrize("error", [OutsideUnavailableError, CarrierRefusedError])
def test_errors_of_the_port_go_on_without_secrets(error: type[Exception]) -> None:
    def answer() -> None:
        raise error(f"POST https://user:{SECRET}@pay.example/ card={CARD}\x00")

    with pytest.raises(error) as raised:
        CheckedCarrier(Gateway(answer)).hand_over(PARCEL)
    assert str(raised.value) == "POST https://user:[redacted]@pay.example/ card=[card number]"


def test_text_that_cannot_be_written_does_not_hide_the_error() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def answer() -> None:
        raise Odd

    with pytest.raises(OutsideFailedError, match="refund failed: Odd"):
        asked("refund", answer)


def test_address_that_a_partner_quotes_is_not_kept() -> None:
    """The carrier's text is kept in the timeline, and no address could be removed from there."""

    def refuse() -> None:
        raise CarrierRefusedError("no such person: Ann <ann@example.com>, ask bob@example.com.")

    with pytest.raises(CarrierRefusedError, match=r"no such person: Ann \[address\], ask \[address\]"):
        CheckedCarrier(Gateway(refuse)).create_label(PARCEL)


@pytest.mark.parametrize(
    "card",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "5555-5555-5555-4444",
        "378282246310005",
        "3782 822463 10005",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242+4242+4242+4242",
        "4242%204242%204242%204242",
        "4242.4242.4242.4242",
        "4917610000000000003",
    ],
)
def test_card_numbers_are_taken_out_of_texts(card: str) -> None:
    assert redacted(f"declined: {card}.") == "declined: [card number]."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4242 4242 4242 4242 09/29 123", "[card number] 09/29 123"),
        ("order 1001 4242 4242 4242 4242 3ds failed", "order 1001 [card number] 3ds failed"),
        ("1001-4242-4242-4242-4242", "1001-[card number]"),
        ("4242424242424242 5555555555554444", "[card number] [card number]"),
        ("/pay?next=%2Fcard%3D4242424242424242", "/pay?next=%2Fcard%3D[card number]"),
        ("track %B4242424242424242^DOE", "track %B[card number]^DOE"),
        ("a 1234 4242 4242 4242 4242 0929", "a 1234 [card number] 0929"),
    ],
)
def test_card_number_among_other_numbers_is_taken_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("next=%2Fx%26client_secret%3Dabc123%26a", "next=%2Fx%26client_secret%3D[redacted]"),
        ("passphrase=abc123", "passphrase=[redacted]"),
        (
            "cannot read -----BEGIN\x20RSA PRIVATE KEY-----\nMIIEvQ\nabc\n-----END RSA PRIVATE KEY-----",
            "cannot read -----BEGIN\x20RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----",
        ),
        ("-----BEGIN\x20PRIVATE KEY-----\\nMIIEvQ", "-----BEGIN\x20PRIVATE KEY-----[redacted]"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
        ("{'authorization': 'abc123'}", "{'authorization': '[redacted]'}"),
        ("Authorization: Bearer abc123", "Authorization: Bearer [redacted]"),
        ("X-Api-Key: abc123", "X-Api-Key: [redacted]"),
        (
            "https://pay.example/?a=1&access_key=abc123&b=2",
            "https://pay.example/?a=1&access_key=[redacted]&b=2",
        ),
        ("url=password=abc123", "url=password=[redacted]"),
        ("pwd=abc123", "pwd=[redacted]"),
        ("'cvc': '123'", "'cvc': '[redacted]'"),
        ("next=%3DeyJhbGciOiJI.eyJzdWIiOiIx.abc123", "next=%3DeyJhbGciOiJI.eyJzdWIiOiIx.[redacted]"),
    ],
)
def test_values_that_open_something_are_taken_out_of_texts(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "word", ["token", "eyJ", "authorization", "://a", "a-", "Bearer ", "1 ", "1-", "-----BEGIN "]
)
def test_long_text_is_read_once(word: str) -> None:
    """Read once for each of its parts, a text of this length would take hours."""
    assert redacted(word * 100_000).startswith(word)


@pytest.mark.parametrize(
    "text",
    [
        "apiauth.authorization_over: 409",
        "4242424242424241",
        "2026-11-29 09:05:27",
        "SO-2026-000123",
        "018f4c1e-7a2b-7c3d-8e4f-123456789012",
        "1234567890123",
        "1700000000.123456 0.4242424242424242",
        "12345678-1234-1234-1234-123456789012",
        "12345678901234567890123456",
    ],
)
def test_control_other_numbers_stay(text: str) -> None:
    assert redacted(text) == text

"""Money as integer minor units with a currency, and its text form."""

import re
from dataclasses import dataclass
from decimal import Decimal

from holo.common.errors import RequestError

# ISO 4217 exponents of the currencies that prices may carry.
EXPONENTS = {"CNY": 2}
MAX_MINOR = 2**63 - 1
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,15})(\.[0-9]{1,4})?", re.ASCII)


class InvalidAmountError(RequestError):
    """Text or number that is no amount of its currency."""

    code = "request.invalid_amount"
    meaning = "An amount is an integer or a decimal string of major units, with the currency's decimals."


class AmountOverflowError(RequestError):
    """More than fits into 64 bits."""

    code = "request.amount_overflow"
    meaning = "The amount is larger than 9,223,372,036,854,775,807 minor units."


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units (fen, cents) of one currency."""

    minor: int
    currency: str

    @property
    def text(self) -> str:
        """The amount in major units, such as `500.00`."""
        exponent = EXPONENTS[self.currency]
        return f"{Decimal(self.minor).scaleb(-exponent):.{exponent}f}"

    def as_wire(self) -> dict[str, str]:
        """Return the form that the API answers with."""
        return {"amount": self.text, "currency": self.currency}

    def __str__(self) -> str:
        symbol = {"CNY": "¥"}.get(self.currency, self.currency + " ")
        exponent = EXPONENTS[self.currency]
        return f"{symbol}{Decimal(self.minor).scaleb(-exponent):,.{exponent}f}"


def parse_amount(value: object, *, currency: str) -> Money:
    """Return the money that an integer or decimal string of major units names.

    Raises InvalidAmountError (floats, booleans, exponents, signs, too many decimals, non-ASCII digits) and
    AmountOverflowError.
    """
    exponent = EXPONENTS[currency]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidAmountError(f'use an integer or a decimal string of {currency}, such as 500 or "500.00"')
    text = str(value)
    match = _AMOUNT.fullmatch(text)
    decimals = len(match.group(2)) - 1 if match and match.group(2) else 0
    if match is None and re.fullmatch(r"[0-9]{17,}", text, re.ASCII):
        raise AmountOverflowError("the amount is too large")
    if match is None or decimals > exponent:
        raise InvalidAmountError(f"not an amount of {currency} with at most {exponent} decimals")
    minor = int(Decimal(text).scaleb(exponent))
    return Money(minor=checked_minor(minor), currency=currency)


def checked_minor(minor: int) -> int:
    """Return `minor` unless it is too large for the database; then AmountOverflowError."""
    if minor > MAX_MINOR:
        raise AmountOverflowError("the amount is too large")
    return minor

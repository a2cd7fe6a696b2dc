"""How the companies outside behave here, by what an order says; no card and no courier is real."""

from workflows.pizza.contracts import Address

DECLINED_CARD = "tok_declined"
UNREACHED_ZIP_CODE = "00000"


def accepts_card(card: str) -> bool:
    """Tell whether a charge succeeds: all but `tok_declined` do."""
    return card != DECLINED_CARD


def reaches(address: Address) -> bool:
    """Tell whether the courier goes there: everywhere but to the zip code 00000."""
    return address.zip_code != UNREACHED_ZIP_CODE

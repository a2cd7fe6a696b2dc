"""What all measurements agree on: the world they sell in, and how much is under way at once."""

from dataclasses import dataclass
from uuid import UUID

SPREAD = 1000
# Orders under way at the same time.
IN_FLIGHT = 50
HOT, EAST_ONLY, SOUTH_ONLY, DEAR = "HOT", "EAST", "SOUTH", "DEAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Ids and keys that the measurements need; `spread[n]` has the primary key of `spread_id(n)`."""

    organization_id: UUID
    hot: UUID
    seller_key: str
    auditor_key: str


def spread_id(number: int) -> UUID:
    """Return the id of the n-th of the thousand products; pgbench forms the same."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")

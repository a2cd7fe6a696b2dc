"""Who acts: a person (perhaps by an API key), a buyer with a public token, or the system itself."""

from dataclasses import dataclass, field
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
OrganizationId = NewType("OrganizationId", UUID)
# What rows about the installation name: no organisation has this id.
NOBODY = OrganizationId(UUID(int=0))
# What the reference of a person begins with.
PERSON_PREFIX = "user:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The caller of a command, in one organisation.

    `user_id` is None for the system, and for an organisation's own token, which `api_key_id` then names.
    `label` is shown to people (an e-mail address, `system`, `temporal`).
    `scopes` are those of the key, or those that the person's groups give.
    """

    user_id: UserId | None
    organization_id: OrganizationId
    label: str
    scopes: frozenset[str] = field(default_factory=frozenset)
    api_key_id: UUID | None = None
    # Of a key that is for one environment; None reaches all of the organisation's.
    environment_id: UUID | None = None
    # Of a public token, which lies open: its id, and the buyer whose orders are all that it reaches.
    public_token_id: UUID | None = None
    buyer: str | None = None

    @property
    def reference(self) -> str:
        """What rows say of who acted: a person's id, so that no address stays in rows that only grow.

        `holo.identity.actor_names` turns it into what is shown.
        """
        if self.public_token_id is not None:
            return f"public token {self.public_token_id}"
        return self.label if self.user_id is None else f"{PERSON_PREFIX}{self.user_id}"

    @property
    def acting_id(self) -> UserId | None:
        """The person who acts; None for the system and for a public token, whose key's owner did nothing."""
        return self.user_id if self.public_token_id is None else None

    @property
    def person(self) -> UserId:
        """The person who answers for what is done. Raises TypeError for the system."""
        if self.user_id is None:
            raise TypeError(f"{self.label} is no person")
        return self.user_id

    def has_scope(self, scope: str) -> bool:
        """Tell whether the actor may use what `scope` names."""
        return scope in self.scopes


def system_actor(organization_id: OrganizationId, *, label: str = "system") -> Actor:
    """Return the actor of work that no person asked for at this moment."""
    return Actor(user_id=None, organization_id=organization_id, label=label)

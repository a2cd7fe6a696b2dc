"""Who may make whom what: nobody gives or takes a role they lack, and an owner is left."""

import pytest

from holo.apiauth.keys import parse_key
from holo.apiauth.selectors import find_usable_key
from holo.audit.models import AuditEvent
from holo.common.actor import OrganizationId, system_actor
from holo.common.errors import DomainError, NotFoundError
from holo.common.ids import uuid7
from holo.identity.errors import LastOwnerError, RoleNotHeldError, RoleRequiredError
from holo.identity.models import Membership, User
from holo.identity.roles import Role
from holo.identity.services import change_member_role, remove_member
from tests.api.people import build_key, build_person
from tests.identity.people import Team, actor_of, add_member, build_team

OWNER, ADMIN, MEMBER, AUDITOR = Role.OWNER, Role.ADMIN, Role.MEMBER, Role.AUDITOR

# Who acts, what the other one is and shall become, how it is refused.
CHANGES: list[tuple[Role, Role, Role, type[DomainError] | None]] = [
    (OWNER, MEMBER, OWNER, None),
    (OWNER, MEMBER, ADMIN, None),
    (OWNER, MEMBER, AUDITOR, None),
    (OWNER, AUDITOR, MEMBER, None),
    (OWNER, OWNER, MEMBER, None),
    (ADMIN, MEMBER, ADMIN, None),
    (ADMIN, ADMIN, MEMBER, None),
    (ADMIN, MEMBER, MEMBER, None),
    (ADMIN, MEMBER, OWNER, RoleNotHeldError),
    (ADMIN, MEMBER, AUDITOR, RoleNotHeldError),
    (ADMIN, OWNER, MEMBER, RoleNotHeldError),
    (ADMIN, AUDITOR, MEMBER, RoleNotHeldError),
    (MEMBER, MEMBER, MEMBER, RoleRequiredError),
    (MEMBER, MEMBER, ADMIN, RoleRequiredError),
    (AUDITOR, MEMBER, AUDITOR, RoleRequiredError),
]


@pytest.fixture
def team(fresh_database: str) -> Team:
    return build_team()


def role_of(team: Team, person: User) -> str | None:
    found = Membership.objects.filter(organization=team.organization, user=person).first()
    return found.role if found else None


def audited() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(action__startswith="identity.").order_by("id")
    return list(rows.values_list("action", "subject_id"))


@pytest.mark.parametrize(("acts", "was", "becomes", "refusal"), CHANGES)
def test_a_role_is_given_by_who_holds_the_old_and_the_new(
    team: Team, acts: Role, was: Role, becomes: Role, refusal: type[DomainError] | None
) -> None:
    other = add_member(team.organization, was)
    if refusal is None:
        change_member_role(actor=team.actor(acts), user_id=other.pk, role=becomes)
        assert role_of(team, other) == becomes
        assert audited() == ([] if was == becomes else [("identity.role_changed", str(other.pk))])
    else:
        with pytest.raises(refusal):
            change_member_role(actor=team.actor(acts), user_id=other.pk, role=becomes)
        assert role_of(team, other) == was
        assert audited() == []


@pytest.mark.parametrize(
    ("acts", "was", "refusal"),
    [
        (OWNER, OWNER, None),
        (OWNER, AUDITOR, None),
        (ADMIN, ADMIN, None),
        (ADMIN, MEMBER, None),
        (ADMIN, OWNER, RoleNotHeldError),
        (ADMIN, AUDITOR, RoleNotHeldError),
        (MEMBER, MEMBER, RoleRequiredError),
        (AUDITOR, MEMBER, RoleRequiredError),
    ],
)
def test_a_member_is_removed_by_who_holds_the_role(
    team: Team, acts: Role, was: Role, refusal: type[DomainError] | None
) -> None:
    other = add_member(team.organization, was)
    if refusal is None:
        assert remove_member(actor=team.actor(acts), user_id=other.pk).user == other
        assert role_of(team, other) is None
        assert audited() == [("identity.member_removed", str(other.pk))]
    else:
        with pytest.raises(refusal):
            remove_member(actor=team.actor(acts), user_id=other.pk)
        assert (role_of(team, other), audited()) == (was, [])


@pytest.mark.parametrize("role", [ADMIN, MEMBER, AUDITOR])
def test_everybody_may_leave(team: Team, role: Role) -> None:
    leaver = team.people[role]
    remove_member(actor=team.actor(role), user_id=leaver.pk)
    assert role_of(team, leaver) is None
    with pytest.raises(NotFoundError):
        remove_member(actor=team.actor(role), user_id=leaver.pk)


def test_the_last_owner_stays(team: Team) -> None:
    owner = team.people[OWNER]
    with pytest.raises(LastOwnerError):
        change_member_role(actor=team.actor(OWNER), user_id=owner.pk, role=ADMIN)
    with pytest.raises(LastOwnerError):
        remove_member(actor=team.actor(OWNER), user_id=owner.pk)
    second = add_member(team.organization, OWNER)
    User.objects.filter(pk=second.pk).update(is_active=False)
    with pytest.raises(LastOwnerError):
        remove_member(actor=team.actor(OWNER), user_id=owner.pk)
    assert (role_of(team, owner), audited()) == (OWNER, [])
    User.objects.filter(pk=second.pk).update(is_active=True)
    remove_member(actor=team.actor(OWNER), user_id=owner.pk)
    assert role_of(team, owner) is None


def test_a_member_of_another_organisation_is_not_found(team: Team) -> None:
    other = build_team()
    foreign = other.people[MEMBER]
    for user_id in (foreign.pk, uuid7()):
        with pytest.raises(NotFoundError):
            change_member_role(actor=team.actor(OWNER), user_id=user_id, role=ADMIN)
        with pytest.raises(NotFoundError):
            remove_member(actor=team.actor(OWNER), user_id=user_id)
    assert role_of(other, foreign) == MEMBER


def test_who_belongs_elsewhere_manages_nothing_here(team: Team) -> None:
    stranger = build_team().people[OWNER]
    with pytest.raises(RoleRequiredError):
        change_member_role(
            actor=actor_of(stranger, team.organization), user_id=team.people[MEMBER].pk, role=ADMIN
        )
    assert role_of(team, team.people[MEMBER]) == MEMBER


def test_superusers_and_the_system_count_as_owners(team: Team) -> None:
    root = build_person(organization=None, superuser=True)
    member = team.people[MEMBER]
    change_member_role(actor=actor_of(root, team.organization), user_id=member.pk, role=OWNER)
    system = system_actor(OrganizationId(team.organization.pk))
    change_member_role(actor=system, user_id=member.pk, role=AUDITOR)
    assert role_of(team, member) == AUDITOR


def test_keys_of_who_is_removed_work_no_longer(team: Team) -> None:
    member = team.people[MEMBER]
    text = build_key(owner=member, organization=team.organization, scopes=["organization:read"])
    key = parse_key(text)
    assert key is not None
    assert find_usable_key(key) is not None
    remove_member(actor=team.actor(OWNER), user_id=member.pk)
    assert find_usable_key(key) is None

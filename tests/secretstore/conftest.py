"""A ring of the tests' own, and an organisation to keep secrets in."""

import pytest
from django.conf import LazySettings

from holo.identity.models import Environment
from holo.identity.roles import Role
from holo.identity.services import create_project
from holo.secretstore.keyring import make_entry, parse_keyring
from tests.identity.people import Team, build_team

OLD, NEW = make_entry("k1"), make_entry("k2")


@pytest.fixture
def ring(settings: LazySettings) -> LazySettings:
    """The settings, with a ring of one key."""
    settings.KEYRING = parse_keyring(OLD)
    return settings


@pytest.fixture
def team(fresh_database: str, ring: LazySettings) -> Team:
    """An organisation with a project."""
    team = build_team()
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    return team


@pytest.fixture
def production(team: Team) -> Environment:
    """The project's environment for production."""
    return Environment.objects.get(organization=team.organization, slug="production")

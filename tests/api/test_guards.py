"""The audit trail refuses changes, whoever asks: the app role has no right, the owner meets the trigger."""

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from holo.audit.models import AuditEvent
from holo.common.ids import uuid7
from tests.conftest import OwnerAccess

ATTACKS = [
    "UPDATE audit_auditevent SET action = 'forged'",
    "DELETE FROM audit_auditevent",
    "TRUNCATE audit_auditevent",
    "SET LOCAL session_replication_role = replica; DELETE FROM audit_auditevent",
]


@pytest.fixture
def row(fresh_database: str) -> AuditEvent:
    """A committed row."""
    return AuditEvent.objects.create(
        organization_id=uuid7(), actor_label="x", action="x", subject_type="x", subject_id="x"
    )


@pytest.mark.parametrize("attack", [*ATTACKS, "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL"])
def test_app_role_cannot_change_the_audit_trail(row: AuditEvent, attack: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)
    assert AuditEvent.objects.get().action == "x"


@pytest.mark.parametrize("attack", ATTACKS)
def test_owner_meets_the_trigger(row: AuditEvent, owner: OwnerAccess, attack: str) -> None:
    with pytest.raises(psycopg.Error):
        owner.execute(attack)
    assert AuditEvent.objects.get().action == "x"


def test_without_the_trigger_the_attack_succeeds(row: AuditEvent, owner: OwnerAccess) -> None:
    """The positive control: what is refused above is refused by the guard."""
    owner.execute("ALTER TABLE audit_auditevent DISABLE TRIGGER ALL")
    owner.execute(ATTACKS[0])
    assert AuditEvent.objects.get().action == "forged"

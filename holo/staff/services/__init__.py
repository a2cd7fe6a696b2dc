"""The commands of this app."""

from holo.staff.services.factors import (
    begin_enrolment,
    confirm_enrolment,
    enrol_demo_person,
    read_enrolment_secret,
    renew_recovery_codes,
    reset_second_factor,
)
from holo.staff.services.logins import record_wrong_password, return_attempt, take_attempt
from holo.staff.services.sessions import (
    begin_session,
    end_other_sessions,
    end_session,
    prove_again,
    prove_second_factor,
)

__all__ = [
    "begin_enrolment",
    "begin_session",
    "confirm_enrolment",
    "end_other_sessions",
    "end_session",
    "enrol_demo_person",
    "prove_again",
    "prove_second_factor",
    "read_enrolment_secret",
    "record_wrong_password",
    "renew_recovery_codes",
    "reset_second_factor",
    "return_attempt",
    "take_attempt",
]

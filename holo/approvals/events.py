"""Outbox topics of the app."""

APPROVAL_REQUESTED = "approvals.approval_requested"

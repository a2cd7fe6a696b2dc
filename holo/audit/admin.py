"""The audit trail in the admin: to be read."""

from django.contrib import admin

from holo.audit.models import AuditEvent
from holo.common.admin import ReadOnlyAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    """Newest first, by subject, actor or request."""

    list_display = ["created_at", "action", "subject_type", "subject_id", "actor_label", "request_id"]
    list_filter = ["action", "subject_type", "created_at"]
    search_fields = ["=subject_id", "=request_id", "=actor_label"]

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from apps.broker.choices import Priority, RequestKind, RequestState


class Request(models.Model):
    """A question to the broker that the gateway answers before `deadline`, or nobody does."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=RequestKind)
    payload = models.JSONField(default=dict)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.QUOTE)
    state = models.CharField(max_length=8, choices=RequestState, default=RequestState.PENDING)
    requested_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    deadline = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(null=True, blank=True)
    as_of = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Why the answer is unknown.")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["priority", "created_at"],
                condition=models.Q(state=RequestState.PENDING),
                name="broker_request_pending",
            ),
            models.Index(fields=["created_at"], name="broker_request_created"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.get_state_display()}"

"""The shapes of the jobs' answers, for their description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.jobs.choices import RunState
from apps.jobs.domain.condition import Condition

S = serializers.Serializer[Any]


class PauseSerializer(S):
    by = serializers.CharField()
    at = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)


class UnrunSerializer(S):
    run_id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["missed", "skipped"])
    slot = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField(allow_blank=True)


class JobSerializer(S):
    name = serializers.CharField()
    title = serializers.CharField()
    enabled = serializers.BooleanField()
    schedule = serializers.CharField()
    next_due_at = serializers.DateTimeField(allow_null=True)
    is_next_skipped = serializers.BooleanField()
    condition = serializers.ChoiceField(choices=[condition.word for condition in Condition])
    unrun = UnrunSerializer(allow_null=True)
    status = serializers.CharField(allow_blank=True)
    run_id = serializers.IntegerField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    progress_done = serializers.IntegerField(allow_null=True)
    progress_total = serializers.IntegerField(allow_null=True)
    progress_text = serializers.CharField(allow_blank=True)
    last_success_at = serializers.DateTimeField(allow_null=True)


class JobsSerializer(S):
    pause = PauseSerializer(allow_null=True)
    jobs = JobSerializer(many=True)


class RunSerializer(S):
    id = serializers.IntegerField()
    job = serializers.CharField()
    state = serializers.ChoiceField(choices=RunState.choices)
    slot = serializers.DateTimeField(allow_null=True)
    attempt = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    progress_done = serializers.IntegerField(allow_null=True)
    progress_total = serializers.IntegerField(allow_null=True)
    progress_text = serializers.CharField(allow_blank=True)
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    started_by = serializers.CharField()
    retry_of = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class RunsSerializer(S):
    runs = RunSerializer(many=True)
    next_before = serializers.IntegerField(allow_null=True)


class RunRequestSerializer(S):
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")

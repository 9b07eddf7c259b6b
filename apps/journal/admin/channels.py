"""Where notices go. The address of a channel is entered and never shown."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from apps.journal import services
from apps.journal.choices import DeliveryState
from apps.journal.exceptions import UnknownChannel
from apps.journal.forms import ChannelForm
from apps.journal.models import Channel
from apps.journal.outbound.destinations import WEBHOOK
from tradeops.lib import clock
from tradeops.lib.admin import ModelAdmin

TEST = "journal.test_channel"


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):
    form = ChannelForm
    change_list_template = "admin/journal/channel_list.html"
    change_form_template = "admin/journal/channel_form.html"
    list_display = ("name", "kind_word", "minimum_severity", "quiet_from", "quiet_to", "time_zone", "enabled")
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "url", "minimum_severity", "enabled")}),
        ("Quiet hours", {"fields": ("quiet_from", "quiet_to", "time_zone")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """Who may only look sees the address's kind in its place."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [(None, {"fields": self.list_display})]

    @admin.display(description="Kind")
    def kind_word(self, channel: Channel) -> str:
        return channel.kind or "unreadable: FERNET_KEYS lacks its key"

    def has_test_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, AbstractUser) and request.user.has_perm(TEST)

    def get_urls(self) -> list[URLPattern]:
        test = self.admin_site.admin_view(require_POST(self.test))
        return [path("test/", test, name="journal_channel_test"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {
            "title": "Notice channels",
            "any_channel": Channel.objects.exists(),
            "webhook": WEBHOOK,
            "webhook_is_set": bool(settings.SCHEDULER_WEBHOOK_URL),
            "may_test": self.has_test_permission(request),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {"may_test": self.has_test_permission(request)}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Channel, form: ChannelForm, change: bool) -> None:
        services.save_channel(channel=obj, changed=form.changed_data, actor=request.user.get_username())

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        services.remove_channel(channel=obj, actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for channel in queryset:
            self.delete_model(request, channel)

    def test(self, request: HttpRequest) -> HttpResponse:
        """Send a test notice to the place that the form names, and say what came of it."""
        if not self.has_test_permission(request):
            raise PermissionDenied
        place = request.POST.get("place", "")
        try:
            sent = services.send_test(place=place, actor=request.user.get_username(), now=clock.now())
        except UnknownChannel as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            answer = f" The answer was {sent.status_code}." if sent.status_code else ""
            if sent.state == DeliveryState.DELIVERED:
                self.message_user(request, f"The test notice to {place} was delivered.{answer}", messages.SUCCESS)
            else:
                self.message_user(request, f"The test notice to {place} failed: {sent.error}.", messages.ERROR)
        return HttpResponseRedirect(reverse("admin:journal_channel_changelist"))

"""The control room's pages of the reports, and who may do what there."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from apps.console.roles import assign_role
from apps.reports import services
from apps.reports.domain import periods
from apps.reports.models import Commentary, Report
from tests.reports import builders as build

pytestmark = pytest.mark.django_db

WEEK = periods.week("2026-W05")
MAKE = "/admin/reports/report/make/"
PERFORMANCE = "/admin/reports/performance/"


def sign_in(client: Client, *permissions: str) -> User:
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return user


@pytest.fixture
def report() -> Report:
    return services.make_report(account=build.account(), period=WEEK, now=build.NOW, created_by="ann")


def address(report: Report) -> str:
    return reverse("admin:reports_report_download", args=[report.pk])


def test_download_is_the_file_with_its_name_type_and_size(admin_client: Client, report: Report) -> None:
    answer = admin_client.get(address(report))
    assert answer.content == bytes(report.content)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="2026-W05-report-DU123.pdf"'
    assert answer["Content-Length"] == str(report.size)
    assert {"private", "no-store"} <= set(answer["Cache-Control"].split(", "))
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_download_needs_the_permission(client: Client, report: Report) -> None:
    assert client.get(address(report)).status_code == 302
    sign_in(client, "view_account")
    assert client.get(address(report)).status_code == 403


def test_download_of_nothing_and_of_a_damaged_file_is_told(admin_client: Client, report: Report) -> None:
    assert admin_client.get("/admin/reports/report/999/download/").status_code == 404
    Report.objects.update(content=b"other")
    page = admin_client.get(address(report), follow=True).content.decode()
    assert "is not the one that was made" in page


def test_list_links_the_files_and_never_loads_them(admin_client: Client, report: Report, db: None) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get(reverse("admin:reports_report_changelist")).content.decode()
    assert address(report) in page and "2026-W05-report-DU123.pdf" in page
    assert not [query for query in queries if '"reports_report"."content"' in query["sql"]]


def test_report_page_shows_the_digest_and_cannot_be_edited(admin_client: Client, report: Report) -> None:
    page = reverse("admin:reports_report_change", args=[report.pk])
    assert report.sha256 in admin_client.get(page).content.decode()
    assert admin_client.post(page, {"period": "2026-W06"}).status_code == 403
    assert admin_client.get(reverse("admin:reports_report_add")).status_code == 403
    assert (
        admin_client.post(reverse("admin:reports_report_delete", args=[report.pk]), {"post": "yes"}).status_code == 403
    )


def test_empty_list_says_how_a_report_comes_about(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:reports_report_changelist")).content.decode()
    assert "No report yet." in page and MAKE in page and "manage.py weekly_report" in page


def test_form_makes_a_report(admin_client: Client) -> None:
    desk = build.account()
    assert 'value="20' in admin_client.get(MAKE).content.decode()
    answer = admin_client.post(MAKE, {"account": desk.pk, "kind": "monthly", "period": "2026-01"}, follow=True)
    report = Report.objects.get()
    assert (report.period, report.created_by) == ("2026-01", "admin")
    assert address(report) in answer.content.decode()


@pytest.mark.parametrize(
    ("kind", "period", "words"),
    [
        ("weekly", "2026-5", "as 2026-W05"),
        ("monthly", "2026-W05", "as 2026-01"),
        ("weekly", "2990-W05", "has not begun"),
    ],
)
def test_form_refuses_a_period_naming_what_is_expected(
    admin_client: Client, kind: str, period: str, words: str
) -> None:
    answer = admin_client.post(MAKE, {"account": build.account().pk, "kind": kind, "period": period})
    assert words in answer.content.decode() and not Report.objects.exists()


def test_making_needs_its_own_permission(client: Client, report: Report) -> None:
    sign_in(client, "view_report")
    assert client.get(MAKE).status_code == 403
    assert client.post(MAKE, {}).status_code == 403
    listed = reverse("admin:reports_report_changelist")
    assert "make_again" not in client.get(listed).content.decode()
    client.post(listed, {"action": "make_again", "_selected_action": [report.pk]})
    assert Report.objects.count() == 1


def test_action_makes_the_chosen_again_as_new_revisions(client: Client, report: Report) -> None:
    sign_in(client, "view_report", "make_report")
    listed = reverse("admin:reports_report_changelist")
    client.post(listed, {"action": "make_again", "_selected_action": [report.pk]})
    assert sorted(Report.objects.values_list("revision", "created_by")) == [(1, "ann"), (2, "ann")]


def test_performance_page_shows_figures_and_hands_the_curves_over(admin_client: Client) -> None:
    build.snapshots(build.account(), date(2026, 1, 5), ["10000", "11000", "9900", "10890", "10890"])
    answer = admin_client.get(PERFORMANCE)
    page = answer.content.decode()
    for words in ("+8.90 %", "10,890.00", "151.99 %", "3 days", "Needs more than 30 daily returns; there are 4"):
        assert words in page, words
    found = re.search(r'<script id="curves" type="application/json">(.*?)</script>', page)
    assert found is not None
    curves = json.loads(found[1])
    assert curves["equity"][1] == [10000, 11000, 9900, 10890, 10890]
    assert curves["equity"][0][1] - curves["equity"][0][0] == 86400
    assert curves["drawdown"][1] == pytest.approx([0, 0, -0.1, -0.01, -0.01])
    assert not re.search(r"<script(?![^>]*(src=|application/json))|style=\"|<style", page.split('id="content-main"')[1])


def test_performance_page_takes_dates_and_refuses_nonsense(admin_client: Client) -> None:
    build.snapshots(build.account(), date(2026, 1, 5), ["10000", "11000", "9900"])
    assert "+10.00 %" in admin_client.get(f"{PERFORMANCE}?account=DU123&last=2026-01-06").content.decode()
    assert (
        "lies before the first" in admin_client.get(f"{PERFORMANCE}?first=2026-02-01&last=2026-01-01").content.decode()
    )
    assert "Enter a valid date" in admin_client.get(f"{PERFORMANCE}?first=never").content.decode()
    assert "There is no such account" in admin_client.get(f"{PERFORMANCE}?account=<b>").content.decode()


def test_performance_page_without_data_says_what_to_do(admin_client: Client) -> None:
    assert "start the gateway" in admin_client.get(PERFORMANCE).content.decode()
    build.account()
    page = admin_client.get(PERFORMANCE).content.decode()
    assert "DU123 has no snapshot" in page and "manage.py snapshot" in page


def test_performance_page_needs_its_permission(client: Client) -> None:
    sign_in(client, "view_report")
    assert client.get(PERFORMANCE).status_code == 403
    Permission.objects.get(codename="view_performance").user_set.add(User.objects.get())
    assert client.get(PERFORMANCE).status_code == 200
    assert client.get(f"{PERFORMANCE}add/").status_code == 403


def test_roles_let_viewers_look_and_the_admin_make(client: Client, report: Report) -> None:
    viewer, chief = User.objects.create_user("vera"), User.objects.create_user("carl")
    assign_role(user=viewer, role="viewer", actor="test")
    assign_role(user=chief, role="admin", actor="test")
    assert viewer.has_perms(["reports.view_report", "reports.view_performance"])
    assert not viewer.has_perm("reports.make_report") and not viewer.has_perm("broker.add_cashflow")
    assert chief.has_perms(["reports.make_report", "broker.add_cashflow"])


def test_commentary_is_written_once_more_instead_of_edited(admin_client: Client) -> None:
    desk, add = build.account(), reverse("admin:reports_commentary_add")
    for text in ("First.", "Second."):
        admin_client.post(add, {"account": desk.pk, "month": "2026-01", "text": text})
    newest = Commentary.objects.filter(month="2026-01").first()
    assert newest is not None and (newest.text, newest.created_by, Commentary.objects.count()) == (
        "Second.",
        "admin",
        2,
    )
    change = reverse("admin:reports_commentary_change", args=[newest.pk])
    assert admin_client.post(change, {"text": "x"}).status_code == 403
    assert (
        "as 2026-01" in admin_client.post(add, {"account": desk.pk, "month": "2026-13", "text": "x"}).content.decode()
    )

"""Every route and admin action of the platform, and the least role that it obeys: one table.

A new route or action has no entry here and fails the test until somebody has decided who may press it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.broker.models import Instrument, Order
from apps.jobs.models import JobRun
from apps.journal.models import Incident
from apps.risk.models import Break, LimitRevision, Restriction

LOOK = "viewer"
Values = dict[str, Any]
JSON = "application/json"


@dataclass(frozen=True)
class World:
    """What there is to press on. Nothing of it belongs to anybody who presses."""

    instrument: Instrument
    waiting: Order
    working: Order
    denied: Order
    limit: LimitRevision
    restriction: Restriction
    broken: Break
    incident: Incident
    run: JobRun

    def path(self, pattern: str) -> str:
        return pattern.format(
            waiting=self.waiting.pk,
            working=self.working.pk,
            denied=self.denied.pk,
            broken=self.broken.pk,
            incident=self.incident.pk,
            run=self.run.pk,
        )


@dataclass(frozen=True)
class Press:
    """Who gets past the door, and from which role on something changes. `acts` "": here it cannot, as no gateway
    runs or a question comes first; the door is all that is tested. `by_token`: a token of the role may, too."""

    enters: str
    path: str
    body: Callable[[World], Values] = lambda _: {}
    acts: str | None = None
    by_token: bool = False

    @property
    def least_to_act(self) -> str:
        return self.enters if self.acts is None else self.acts


def ticket(world: World) -> Values:
    """The same over the API and on the page."""
    return {
        "con_id": world.instrument.con_id,
        "account": "DU1234567",
        "side": "BUY",
        "quantity": "3",
        "order_type": "LMT",
        "limit_price": "500.25",
        "time_in_force": "DAY",
        "purpose": "entry",
        "reason": "drill",
    }


def why(_: World) -> Values:
    return {"reason": "drill"}


def limit(_: World) -> Values:
    return {"name": "MAX_ORDER_VALUE", "scope": "everything", "target": "", "value": "0.1", "reason": "calmer"}


def restricted(world: World) -> Values:
    return {"con_id": world.instrument.con_id, "symbol": "SPY", "reason": "earnings"}


def stopped(_: World) -> Values:
    return {"scope": "strategy", "target": "old", "source": "manual", "reason": "over", "force": "on"}


ORDER, API = "/admin/broker/order/", "/api/orders/"

# Everything that changes something when it is posted to.
PRESSES: dict[str, Press] = {
    "admin:broker_order_add": Press(
        "trader", f"{ORDER}add/", lambda world: {**ticket(world), "key": "a-key-of-this-ticket", "submit": "1"}
    ),
    "admin:broker_order_approve": Press("risk", ORDER + "{waiting}/approve/"),
    "admin:broker_order_reject": Press("trader", ORDER + "{waiting}/reject/", why, acts="risk"),
    "admin:broker_order_cancel": Press("trader", ORDER + "{working}/cancel/", why),
    "admin:broker_order_override": Press("risk", ORDER + "{denied}/override/", why),
    "admin:broker_order_modify": Press(
        "trader", ORDER + "{working}/modify/", lambda _: {"quantity": "9", "limit_price": "500"}, acts=""
    ),
    "api-orders": Press("trader", API, ticket, by_token=True),
    "api-order-approve": Press("risk", API + "{waiting}/approve"),
    "api-order-reject": Press("risk", API + "{waiting}/reject", why),
    "api-order-cancel": Press("trader", API + "{working}/cancel", why, by_token=True),
    "api-order-modify": Press("trader", API + "{working}/modify", lambda _: {"quantity": "9"}, "", by_token=True),
    "stop-trading": Press("risk", "/stop/", lambda _: {"action": "halt", "where": "everything:", "reason": "drill"}),
    "resume-trading": Press("risk", "/stop/resume/", stopped),
    "api-emergency-halt": Press("risk", "/api/emergency/halt", why, by_token=True),
    "api-emergency-cancel-all": Press("risk", "/api/emergency/cancel-all", why, by_token=True),
    "api-emergency-close-all": Press("risk", "/api/emergency/close-all", why, by_token=True),
    "api-emergency-resume": Press(
        "risk",
        "/api/emergency/resume",
        lambda _: {"scope": "strategy", "target": "old", "reason": "over", "force": True},
    ),
    "admin:risk_limitrevision_add": Press("risk", "/admin/risk/limitrevision/add/", limit),
    "admin:risk_restriction_add": Press("risk", "/admin/risk/restriction/add/", restricted),
    "admin:risk_breaker_reset": Press("risk", "/admin/risk/breaker/reset/", lambda _: {"breaker": "", "reason": "x"}),
    "admin:risk_reconciliationrun_run": Press("risk", "/admin/risk/reconciliationrun/run/"),
    "admin:risk_break_book": Press("risk", "/admin/risk/break/{broken}/book/", why),
    "api-incident-acknowledge": Press("trader", "/api/incidents/{incident}/acknowledge", by_token=True),
    "api-job-run": Press("trader", "/api/jobs/snapshot/run", by_token=True),
    "admin:journal_incident_handle": Press("trader", "/admin/journal/incident/{incident}/handle/", acts=""),
    "admin:journal_channel_test": Press("admin", "/admin/journal/channel/test/", acts=""),
    "admin:jobs_overview_pause": Press("trader", "/admin/jobs/overview/pause/", acts=""),
    "admin:jobs_overview_resume": Press("trader", "/admin/jobs/overview/resume/", acts=""),
    "admin:jobs_overview_run": Press("trader", "/admin/jobs/overview/daily_snapshot/run/", acts=""),
    "admin:jobs_overview_skip": Press("trader", "/admin/jobs/overview/daily_snapshot/skip/", acts=""),
    "admin:jobs_overview_unskip": Press("trader", "/admin/jobs/overview/daily_snapshot/unskip/", acts=""),
    "admin:jobs_jobrun_cancel": Press("trader", "/admin/jobs/jobrun/{run}/cancel/", acts=""),
    "admin:jobs_jobrun_retry": Press("trader", "/admin/jobs/jobrun/{run}/retry/", acts=""),
    "admin:reports_report_make": Press("admin", "/admin/reports/report/make/", acts=""),
}

# Routes that only show something, whatever the method.
LOOKS = frozenset(
    {
        *("home", "desk", "status", "metrics", "health", "ping", "broker-connection"),
        *("admin:index", "admin:login", "admin:logout", "admin:password_change_done"),
        *("admin:autocomplete", "admin:jsi18n", "admin:view_on_site", "admin:app_list"),
        *(
            "admin:broker_order_quote",
            "admin:broker_order_live",
            "admin:broker_emergencyrun_live",
            "admin:jobs_jobrun_live",
            "admin:snapshots_positionsnapshot_path",
        ),
        *("admin:reports_report_download", "admin:console_logfile_tail"),
        *("api-health", "api-live-account-summary", "api-account-summary-latest", "api-live-positions"),
        *("api-positions-latest", "api-live-open-orders", "api-open-orders-latest", "api-strategies-signal-latest"),
        *("api-strategies-rebalance-latest", "api-incidents", "api-emergency-receipt", "api-order", "api-trading"),
        *("api-jobs", "api-job-runs", "api-metrics", "api-breakers", "api-reconciliation", "api-history-events"),
        *("api-events", "api-events-stream", "api-snapshots-positions", "api-schema", "api-docs", "api-unknown"),
    }
)

# The least role that is offered an action of a list in the admin.
ACTIONS: dict[str, str] = {
    "auth.Group:delete_selected": "admin",
    "auth.User:delete_selected": "admin",
    "jobs.JobRun:cancel": "trader",
    "jobs.JobRun:retry": "trader",
    "jobs.JobSchedule:run_now": "trader",
    "jobs.JobSchedule:skip_next": "trader",
    "jobs.JobSchedule:unskip": "trader",
    "journal.Channel:delete_selected": "admin",
    "journal.Incident:acknowledge": "trader",
    "journal.Incident:resolve": "trader",
    "journal.Incident:snooze_one_hour": "trader",
    "broker.CashFlow:delete_selected": "risk",
    "reports.Report:make_again": "admin",
    "risk.LimitRevision:approve": "risk",
    "risk.LimitRevision:refuse": "risk",
    "risk.Restriction:lift": "risk",
    "strategies.ParametersRevision:activate": "admin",
}

# Tables whose rows persons may add, change or delete in the admin, and from which role on.
EDITABLE: dict[str, str] = {
    **{f"auth.{table}:{what}": "admin" for table in ("Group", "User") for what in ("add", "change", "delete")},
    **{f"journal.Channel:{what}": "admin" for what in ("add", "change", "delete")},
    "broker.Order:add": "trader",
    "jobs.JobSchedule:change": "admin",
    "broker.CashFlow:add": "risk",
    "broker.CashFlow:delete": "risk",
    "reports.Commentary:add": "admin",
    "risk.LimitRevision:add": "risk",
    "risk.Restriction:add": "risk",
    "strategies.ParametersRevision:add": "admin",
}

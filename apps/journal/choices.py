from django.db import models


class Level(models.TextChoices):
    """As clients of the event stream know them."""

    INFO = "INFO", "Info"
    WARN = "WARN", "Warning"
    ERROR = "ERROR", "Error"


class Severity(models.TextChoices):
    """How loudly people are told: critical ones page, by night too, until somebody acknowledges."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


RANKS = {Severity.INFO.value: 0, Severity.WARNING.value: 1, Severity.CRITICAL.value: 2}
SEVERITY_OF_LEVEL = {Level.INFO: Severity.INFO, Level.WARN: Severity.WARNING, Level.ERROR: Severity.CRITICAL}
LEVEL_OF_SEVERITY = {severity.value: level for level, severity in SEVERITY_OF_LEVEL.items()}


# The steps of the events that may tell of an incident, by its number in `data`.
INCIDENT_STEPS = ("Incident", "Notice")


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Waiting"
    DELIVERED = "delivered", "Delivered"
    LOGGED = "logged", "Logged only"
    GIVEN_UP = "given-up", "Given up"


class ProcessKind(models.TextChoices):
    WEB = "web", "Web"
    SENTINEL = "sentinel", "Sentinel"

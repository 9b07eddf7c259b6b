from django.db import models


class Level(models.TextChoices):
    """As clients of the event stream know them."""

    INFO = "INFO", "Info"
    WARN = "WARN", "Warning"
    ERROR = "ERROR", "Error"

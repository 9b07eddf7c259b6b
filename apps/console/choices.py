from django.db import models


class Role(models.TextChoices):
    """Each role holds everything that the one before it holds."""

    VIEWER = "viewer", "Viewer"
    TRADER = "trader", "Trader"
    RISK = "risk", "Risk"
    ADMIN = "admin", "Admin"

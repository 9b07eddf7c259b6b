from __future__ import annotations

from django.db import models


class OrderNumbering(models.Model):
    """The highest order number that a client id has ever used. The broker may count from the start again: we never."""

    client_id = models.IntegerField(primary_key=True)
    highest = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"client {self.client_id}: {self.highest}"

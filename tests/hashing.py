"""Passwords of the tests, hashed as the product does it but in microseconds; real processes can check them."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2PasswordHasher(Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 1, 8, 1

"""Repeatable randomness that can be read at any point in time without generating what came before."""

from __future__ import annotations

import random
from hashlib import blake2b
from math import sqrt

_BITS = 15
_SIZE = 1 << _BITS
_MASK = (1 << 64) - 1
LONGEST_SLICE = 128


class Noise:
    """Standard normal numbers addressed by a key and an index: the same address always holds the same number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        generator = random.Random(seed)
        raw = [generator.gauss(0.0, 1.0) for _ in range(_SIZE)]
        mean = sum(raw) / _SIZE
        deviation = sqrt(sum((value - mean) ** 2 for value in raw) / _SIZE)
        table = [(value - mean) / deviation for value in raw]
        self._table: list[float] = table + table[:LONGEST_SLICE]

    def key(self, name: str) -> int:
        return int.from_bytes(blake2b(f"{self._seed}:{name}".encode(), digest_size=8).digest(), "big")

    def one(self, key: int, index: int) -> float:
        return self._table[_offset(key, index)]

    def slice(self, key: int, index: int, count: int) -> list[float]:
        """At most LONGEST_SLICE numbers."""
        start = _offset(key, index)
        return self._table[start : start + count]


def pick(key: int, index: int, choices: int) -> int:
    """A repeatable whole number from 0 to choices - 1."""
    return _offset(key ^ 0x5DEECE66D, index) % choices


def _offset(key: int, index: int) -> int:
    mixed = ((key ^ (index * 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 29)) * 0x94D049BB133111EB) & _MASK
    return mixed >> (64 - _BITS)

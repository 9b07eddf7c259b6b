"""Dataclasses as JSON values and back. Decimal and datetime become text; fields at their default are left out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from .types import Contract

Packed = Mapping[str, Any]
FindContract = Callable[[Packed], Contract]


def pack(value: object) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Contract):
        return _pack_contract(value)
    if isinstance(value, Mapping):
        return {str(key): pack(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [pack(each) for each in value]
    return pack_fields(value, _defaults(value))


def pack_fields(value: object, names: Iterable[str]) -> dict[str, Any]:
    """Some fields of a dataclass."""
    defaults = _defaults(value)
    found = ((name, getattr(value, name)) for name in names)
    return {name: pack(each) for name, each in found if each is not defaults[name] and each != defaults[name]}


def _pack_contract(contract: Contract) -> Packed:
    """The market knows all but where it is routed, and combos, which exist in orders only."""
    packed: dict[str, Any] = {"con_id": contract.con_id, "exchange": contract.exchange}
    if contract.sec_type == "BAG":
        packed |= {"symbol": contract.symbol, "currency": contract.currency}
    return packed


def _defaults(value: object) -> Mapping[str, object]:
    """By field."""
    return _defaults_of(cast("Hashable", type(value)))


@lru_cache
def _defaults_of(kind: Any) -> Mapping[str, object]:
    return {each.name: _default(each) for each in fields(kind)}


def _default(each: Field[Any]) -> object:
    return each.default if each.default_factory is MISSING else each.default_factory()


class Unpacker:
    """`find_contract` makes the contract that `pack` described. What does not fit is a ValueError or TypeError."""

    def __init__(self, find_contract: FindContract) -> None:
        self._find_contract = find_contract

    def unpack(self, kind: Any, value: Any) -> Any:
        """A value of the annotated kind."""
        if kind is Contract:
            return self._find_contract(value)
        if kind is Decimal:
            return Decimal(_checked(str, value))
        if kind is datetime:
            return datetime.fromisoformat(_checked(str, value))
        if is_dataclass(kind):
            return self.unpack_into(kind, value)
        return self._unpack_generic(kind, value)

    def unpack_into(self, kind: Any, packed: Packed, **more: object) -> Any:
        """A dataclass of its packed fields and `more`."""
        hints = _hints(kind)
        return kind(**{name: self.unpack(hints[name], value) for name, value in packed.items()}, **more)

    def _unpack_generic(self, kind: Any, value: Any) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return None if value is None else self.unpack(next(each for each in inner if each is not NoneType), value)
        if origin is tuple:
            kinds = [inner[0]] * len(value) if inner[1:] == (...,) else inner
            return tuple(self.unpack(each, part) for each, part in zip(kinds, value, strict=True))
        if origin in (dict, Mapping):
            return {inner[0](key): self.unpack(inner[1], each) for key, each in value.items()}
        if origin is Literal:
            return inner[inner.index(value)]
        return float(_checked(float | int, value)) if kind is float else _checked(kind, value)


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.40} is not of {kind}")
    return value

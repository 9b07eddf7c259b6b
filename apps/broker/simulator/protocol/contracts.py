"""Contract blocks and contract answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..types import Chain, Contract
from .messages import Answer
from .system import Message

SHORT_HEAD_FROM = 164
DESCRIPTION_FROM = 176


def strike_text(contract: Contract) -> object:
    return contract.strike if contract.sec_type == "OPT" else 0


def multiplier_text(contract: Contract) -> str:
    return str(contract.multiplier) if contract.sec_type == "OPT" else ""


def contract_block(contract: Contract, exchange: str | None = None) -> tuple[object, ...]:
    """The eleven fields that describe a contract in answers."""
    return (
        contract.con_id,
        contract.symbol,
        contract.sec_type,
        contract.expiry,
        strike_text(contract),
        contract.right,
        multiplier_text(contract),
        contract.exchange if exchange is None else exchange,
        contract.currency,
        contract.local_symbol or contract.symbol,
        contract.trading_class or contract.symbol,
    )


def contract_data(
    request_id: int, contract: Contract, hours: tuple[str, str], underlying: Contract | None, version: int
) -> Message:
    trading_hours, liquid_hours = hours
    old = version < SHORT_HEAD_FROM
    sec_ids = [("ISIN", contract.isin)] if contract.isin else []
    return [
        Answer.CONTRACT_DATA,
        *((8,) if old else ()),
        request_id,
        contract.symbol,
        contract.sec_type,
        contract.expiry,
        strike_text(contract),
        contract.right,
        contract.exchange,
        contract.currency,
        contract.local_symbol or contract.symbol,
        contract.trading_class or contract.symbol,  # market name
        contract.trading_class or contract.symbol,
        contract.con_id,
        contract.min_tick,
        *((1,) if old else ()),
        multiplier_text(contract),
        ",".join(contract.order_types),
        ",".join(contract.valid_exchanges),
        contract.price_magnifier,
        contract.under_con_id,
        contract.long_name or contract.symbol,
        contract.primary_exchange,
        contract.expiry[:6],
        contract.industry,
        contract.category,
        contract.subcategory,
        contract.time_zone,
        trading_hours,
        liquid_hours,
        "",  # economic value rule
        "",
        len(sec_ids),
        *(value for pair in sec_ids for value in pair),
        1,  # aggregated group
        underlying.symbol if underlying else "",
        underlying.sec_type if underlying else "",
        ",".join(str(contract.market_rule_id) for _ in contract.valid_exchanges),
        contract.expiry,
        contract.stock_type,
        *_size_fields(contract, version),
    ]


def _size_fields(contract: Contract, version: int) -> tuple[object, ...]:
    if version < 163:
        return ()
    if version < SHORT_HEAD_FROM:
        return (1,)
    return (1, 1, 100 if contract.sec_type == "STK" else 1)


def contract_data_end(request_id: int) -> Message:
    return (Answer.CONTRACT_DATA_END, 1, request_id)


def option_parameters(request_id: int, chain: Chain) -> Message:
    return [
        Answer.OPTION_PARAMETERS,
        request_id,
        chain.exchange,
        chain.under_con_id,
        chain.trading_class,
        chain.multiplier,
        len(chain.expirations),
        *chain.expirations,
        len(chain.strikes),
        *chain.strikes,
    ]


def symbol_samples(request_id: int, found: Iterable[tuple[Contract, Sequence[str]]], version: int) -> Message:
    rows = list(found)
    fields: list[object] = [Answer.SYMBOL_SAMPLES, request_id, len(rows)]
    for contract, derivatives in rows:
        fields += [contract.con_id, contract.symbol, contract.sec_type, contract.primary_exchange, contract.currency]
        fields += [len(derivatives), *derivatives]
        if version >= DESCRIPTION_FROM:
            fields += [contract.long_name, ""]
    return fields

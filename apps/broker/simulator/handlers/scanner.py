"""Market scanners over the stocks and funds of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..protocol.fields import Reader
from ..protocol.messages import Answer, Request
from ..streams.registry import Kind
from ..streams.scanner import SCANS, ScanFilter, ScannerStream
from ..types import RequestError
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session

MOST_ROWS = 50
SCANNERS_AT_ONCE = 10


@handles(Request.REQ_SCANNER_SUBSCRIPTION, versioned=False)
def scanner(session: Session, request_id: int, reader: Reader) -> None:
    rows, instrument, location, scan_code = reader.int_or_none(), reader.text(), reader.text(), reader.text()
    wanted = ScanFilter(
        instrument=instrument,
        location=location,
        above_price=reader.float_or_none(),
        below_price=reader.float_or_none(),
        above_volume=reader.int_or_none(),
    )
    if scan_code not in SCANS:
        raise RequestError(162, "Historical Market Data Service error message:Scanner subscription: invalid scan code")
    if session.streams.has(Kind.SCANNER, request_id):
        raise RequestError(102, "Duplicate ticker id")
    if session.streams.count([Kind.SCANNER]) >= SCANNERS_AT_ONCE:
        raise RequestError(162, "Historical Market Data Service error message:Only 10 simultaneous scanners allowed")
    limit = MOST_ROWS if rows is None or rows < 1 else min(rows, MOST_ROWS)
    stream = ScannerStream(session, request_id, scan_code, wanted, limit)
    session.streams.add(stream)
    session.send(stream.result())


@handles(Request.CANCEL_SCANNER_SUBSCRIPTION)
def cancel_scanner(session: Session, request_id: int, reader: Reader) -> None:
    if not session.streams.remove(Kind.SCANNER, request_id):
        raise RequestError(365, f"No scanner subscription found for ticker id:{request_id}")


@handles(Request.REQ_SCANNER_PARAMETERS, identified=False)
def scanner_parameters(session: Session, _: int, reader: Reader) -> None:
    instruments = _elements("<Instrument><type>{}</type></Instrument>", ("STK", "ETF.EQ.US"))
    locations = _elements("<Location><locationCode>{}</locationCode></Location>", ("STK.US", "STK.US.MAJOR"))
    scans = _elements("<ScanType><displayName>{0}</displayName><scanCode>{0}</scanCode></ScanType>", SCANS)
    lists = (
        f"<InstrumentList>{instruments}</InstrumentList><LocationTree>{locations}</LocationTree>"
        f"<ScanTypeList>{scans}</ScanTypeList>"
    )
    xml = f'<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse>{lists}</ScanParameterResponse>'
    session.send((Answer.SCANNER_PARAMETERS, 1, xml))


def _elements(template: str, values: Iterable[str]) -> str:
    return "".join(template.format(value) for value in values)

"""Fields, frames and times as they are on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.simulator.protocol.fields import Reader, text
from apps.broker.simulator.protocol.framing import FrameBuffer, FramingError, decode_fields, encode_frame
from apps.broker.simulator.protocol.messages import Request
from apps.broker.simulator.protocol.system import error
from apps.broker.simulator.protocol.times import parse_moment
from apps.broker.simulator.types import RequestError


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (True, "1"),
        (False, "0"),
        (None, ""),
        (100.0, "100"),
        (100.25, "100.25"),
        (Decimal("100.00"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.1"),
        (1e-9, "1e-09"),
        (float("nan"), "1.7976931348623157E308"),
        (Request.REQ_PNL, "92"),
        ("as it is", "as it is"),
    ],
)
def test_value_is_spelled(value: object, wire: str) -> None:
    assert text(value) == wire


def test_unset_numbers_are_none() -> None:
    reader = Reader(["", "1.7976931348623157E308", "2147483647", "", "Infinite"])
    assert reader.float_or_none() is None
    assert reader.decimal_or_none() is None
    assert reader.int_or_none() is None
    assert reader.int(5) == 5
    assert reader.float() == float("inf")


@pytest.mark.parametrize("kind", ["int", "float", "decimal", "boolean", "count"])
@pytest.mark.parametrize("value", ["x", "nan", "1_x", "-inf", "--1"])
def test_nonsense_is_error_320(kind: str, value: str) -> None:
    with pytest.raises(RequestError) as refusal:
        getattr(Reader([value]), kind)()
    assert refusal.value.code == 320


def test_missing_field_is_error_320() -> None:
    with pytest.raises(RequestError) as refusal:
        Reader(["1"], 1).text()
    assert refusal.value.code == 320


def test_huge_count_is_refused() -> None:
    with pytest.raises(RequestError):
        Reader(["1000000"]).count()


@given(
    messages=st.lists(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1)),
    cut=st.integers(1, 50),
)
def test_messages_survive_any_cutting(messages: list[list[str]], cut: int) -> None:
    buffer = FrameBuffer()
    data = b"API\0" + b"".join(encode_frame(message) for message in messages)
    received = []
    buffer.limit = 10**6
    for start in range(0, len(data), cut):
        buffer.feed(data[start : start + cut])
        received += [decode_fields(payload) for payload in buffer.payloads()]
    assert received == messages


def test_oversized_frame_is_refused_by_its_length_alone() -> None:
    buffer = FrameBuffer()
    buffer.feed(b"API\0\x7f\xff\xff\xff")
    with pytest.raises(FramingError):
        list(buffer.payloads())


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("", None),
        ("20261120-15:30:00", datetime(2026, 11, 20, 15, 30, tzinfo=UTC)),
        ("20261120 10:30:00 US/Eastern", datetime(2026, 11, 20, 15, 30, tzinfo=UTC)),
        ("20261120 15:30:00 Europe/London", datetime(2026, 11, 20, 15, 30, tzinfo=UTC)),
        ("20261120 10:30:00", datetime(2026, 11, 20, 15, 30, tzinfo=UTC)),
        ("20260720  10:30:00", datetime(2026, 7, 20, 14, 30, tzinfo=UTC)),
    ],
)
def test_moment_is_read(value: str, moment: datetime | None) -> None:
    assert parse_moment(value) == moment


@pytest.mark.parametrize("value", ["today", "20261320 10:00:00", "20261120 10:00:00 Mars/Base", "20261120 10:00"])
def test_wrong_moment_is_error_10314(value: str) -> None:
    with pytest.raises(RequestError) as refusal:
        parse_moment(value)
    assert refusal.value.code == 10314


def test_error_has_reject_details_from_166_on() -> None:
    assert len(error(1, 200, "x", 165)) + 1 == len(error(1, 200, "x", 166))


def test_error_text_is_plain_ascii() -> None:
    assert error(1, 200, "a\\b\u00fc\n", 178)[4] == "a?b??"


@pytest.mark.parametrize("request_", list(Request))
def test_request_is_found_by_name_and_number(request_: Request) -> None:
    assert Request.named(request_.api_name) is request_
    assert Request.named(str(int(request_))) is request_

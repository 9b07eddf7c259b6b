"""What a report shows, ready to be set: texts are formatted, charts are numbers. Plain data, so that it can travel as
JSON to the process that sets it. Knows neither Django nor the PDF library.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Tone = Literal["", "good", "bad", "quiet"]
Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """`days` are ISO dates, `values` money or fractions; the period from `shade_from` on is set off."""

    title: str
    days: list[str]
    values: list[float]
    unit: Literal["money", "fraction"]
    shade_from: str = ""
    caption: str = ""
    falls: bool = False
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True, slots=True)
class Column:
    """`width` is a share of the page's width, relative to the other columns."""

    title: str
    width: float
    align: Align = "left"


@dataclass(frozen=True, slots=True)
class Table:
    """`tones[row]` colours the row's signed cells, which are those of the `signed` columns."""

    columns: list[Column]
    rows: list[list[str]]
    signed: list[int] = field(default_factory=list)
    total: bool = False
    caption: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    tone: Tone = ""
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Points:
    items: list[str]
    kind: Literal["points"] = "points"


Block = Chart | Table | Text | Points


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    subtitle: str
    badge: str
    details: list[str]
    figures: list[Figure]
    sections: list[Section]
    footer: str


def to_json(document: Document) -> str:
    return json.dumps(asdict(document), allow_nan=False)


def from_json(text: str) -> Document:
    data: dict[str, Any] = json.loads(text)
    return Document(
        **{
            **data,
            "figures": [Figure(**figure) for figure in data["figures"]],
            "sections": [
                Section(section["heading"], [_block(block) for block in section["blocks"]])
                for section in data["sections"]
            ],
        }
    )


def _block(data: dict[str, Any]) -> Block:
    if data["kind"] == "table":
        return Table(**{**data, "columns": [Column(**column) for column in data["columns"]]})
    plain: dict[str, type[Chart] | type[Text] | type[Points]] = {"chart": Chart, "text": Text, "points": Points}
    return plain[data["kind"]](**data)

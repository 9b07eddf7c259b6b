"""Reading a PDF as text."""

from __future__ import annotations

from io import BytesIO

from pypdf import PdfReader


def reader(content: bytes) -> PdfReader:
    return PdfReader(BytesIO(content))


def pages(content: bytes) -> list[str]:
    return [page.extract_text() for page in reader(content).pages]


def text(content: bytes) -> str:
    """All pages, every run of blanks one blank."""
    return " ".join(" ".join(pages(content)).split())

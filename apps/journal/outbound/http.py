"""One HTTP request to a public address: no redirects, a bounded answer, 10 seconds in all."""

from __future__ import annotations

from dataclasses import dataclass

import certifi
import urllib3
from django.conf import settings
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Timeout, Url, parse_url

from apps.journal.exceptions import NoticeFailed
from apps.journal.outbound.guard import call_guarded

DEADLINE_SECONDS = 10.0
LARGEST_ANSWER = 65_536
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is cut at 64 KiB."""

    status: int
    body: bytes


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    content_type: str = "",
    seconds: float = DEADLINE_SECONDS,
) -> Answer:
    """The answer, whatever its status. Raises NoticeFailed, whose text never holds the URL."""
    target = parse(url)
    headers = {"User-Agent": "TradeOps", **({"Content-Type": content_type} if content_type else {})}
    if target.auth:
        headers |= urllib3.make_headers(basic_auth=target.auth)

    def exchange() -> Answer:
        with pool_for(target, seconds) as pool:
            response = pool.request(
                method,
                target.request_uri,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            with response:
                return Answer(response.status, response.read(LARGEST_ANSWER))

    try:
        return call_guarded(exchange, seconds=seconds, allow_private=settings.NOTICES_ALLOW_PRIVATE)
    except (HTTPError, OSError, ValueError) as error:
        raise NoticeFailed(f"the request to {target.host} failed: {type(error).__name__}") from error


def parse(url: str) -> Url:
    try:
        target = parse_url(url)
    except LocationParseError:
        raise NoticeFailed("the address is not a URL: use https://host/path") from None
    if target.scheme not in PORTS or not target.host:
        raise NoticeFailed("the address must begin with https:// or http:// and name a host")
    return target


def pool_for(target: Url, seconds: float) -> urllib3.HTTPConnectionPool:
    host, port = str(target.host), target.port or PORTS[str(target.scheme)]
    timeout = Timeout(total=seconds)
    if target.scheme == "http":
        return urllib3.HTTPConnectionPool(host, port, timeout=timeout)
    return urllib3.HTTPSConnectionPool(host, port, timeout=timeout, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where())

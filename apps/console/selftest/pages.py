"""The pages of the running web process, or of this process where none runs: reachable, and with their armour on."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping

from django.conf import settings
from django.test import Client

from apps.console.doctor.verdicts import Check, fail, ok, warn

PAGE = "/admin/login/"
TIMEOUT_SECONDS = 10
REMEDY = "A proxy in front may remove it; else MIDDLEWARE in the settings was changed."

Headers = Mapping[str, str]


def try_pages() -> Iterator[Check]:
    host, port = settings.WEB_HOST, settings.WEB_PORT
    try:
        status, headers = ask_server(host, port)
        where = f"{host}:{port}"
    except OSError as error:
        status, headers = ask_here()
        where = "this process"
        remedy = "Start them with `manage.py up`, or `manage.py web`; the page was made here instead."
        yield warn("web", f"nothing serves {host}:{port} ({error})", remedy)
    yield ok("page", f"{PAGE} from {where}") if status == 200 else fail("page", f"{PAGE} answered {status}", LOG)
    yield from judge_headers(headers)


LOG = "See the web lines of `manage.py logs app`."


def ask_server(host: str, port: int) -> tuple[int, dict[str, str]]:
    """Raises OSError."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=TIMEOUT_SECONDS)
    try:
        # As the TLS proxy in front would: without it every answer is a redirect.
        connection.request("GET", PAGE, headers={"X-Forwarded-Proto": "https"} if settings.HTTPS else {})
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {type(error).__name__}") from error
    finally:
        connection.close()


def ask_here() -> tuple[int, dict[str, str]]:
    host = next((name for name in settings.ALLOWED_HOSTS if name != "*"), "localhost").lstrip(".")
    response = Client(SERVER_NAME=host).get(PAGE, secure=settings.HTTPS)
    return response.status_code, {name.lower(): value for name, value in response.headers.items()}


def judge_headers(headers: Headers) -> Iterator[Check]:
    yield judge("no sniffing", headers, "x-content-type-options", {"nosniff"})
    yield judge("no framing", headers, "x-frame-options", {"DENY", "SAMEORIGIN"})
    yield judge("no referrer", headers, "referrer-policy", {"same-origin", "no-referrer", "strict-origin"})
    problems = policy_problems(headers.get("content-security-policy", ""))
    if problems:
        yield fail("content policy", "; ".join(problems), REMEDY)
    else:
        yield ok("content policy", "own sources only, no inline scripts, no plugins, no framing")


def judge(name: str, headers: Headers, header: str, allowed: set[str]) -> Check:
    value = headers.get(header, "")
    if value in allowed:
        return ok(name, f"{header}: {value}")
    return fail(name, f"{header}: {value or 'missing'}", REMEDY)


def policy_problems(policy: str) -> list[str]:
    """What a content security policy leaves open; a script source falls back to the default."""
    words = [part.split() for part in policy.split(";") if part.strip()]
    directives = {name: sources for name, *sources in words}
    if not directives:
        return ["no content-security-policy"]
    scripts = directives.get("script-src", directives.get("default-src"))
    wanted = {"object-src": ["'none'"], "frame-ancestors": ["'none'"], "base-uri": ["'none'"]}
    problems = [f"{name} is open" for name, sources in wanted.items() if directives.get(name) != sources]
    if scripts is None:
        problems.append("scripts may come from anywhere")
    elif {"*", "'unsafe-inline'", "'unsafe-eval'", "http:", "https:", "data:"} & set(scripts):
        problems.append(f"script sources are open: {' '.join(scripts)}")
    return problems

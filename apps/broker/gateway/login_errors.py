"""Why a login failed, in words that say what to do."""

from __future__ import annotations

from collections.abc import Sequence

from apps.broker.config import DATA_CLIENT_ID_OFFSET
from apps.broker.exceptions import ClientIdInUseError, LoginError

CLIENT_ID_IN_USE = 326


def explain(
    error: BaseException | None, said: Sequence[tuple[int, str]], cut: str, *, host: str, port: int, client_id: int
) -> LoginError:
    """The error to show for a login that ended with `error` after the broker had `said` its codes and texts.

    `cut`: why the connection was ended from this side, if it was.
    """
    failed = f"Failed to connect to IBKR at {host}:{port} with client id {client_id}:"
    if cut:
        return LoginError(f"{failed} {cut} Is it TWS that listens there? Check IBKR_HOST and IBKR_PORT.")
    codes = [code for code, _ in said]
    if CLIENT_ID_IN_USE in codes:
        return ClientIdInUseError(
            f"{failed} Client id {client_id} is in use by another program (IBKR 326). Stop that program (another "
            "TradeOps, a script, another API client), or choose another IBKR_CLIENT_ID; the data link takes that "
            f"number + {DATA_CLIENT_ID_OFFSET}."
        )
    if isinstance(error, ConnectionRefusedError):
        return LoginError(
            f"{failed} nothing listens there. Start TWS or IB Gateway with the API enabled, "
            "or check IBKR_HOST and IBKR_PORT."
        )
    serious = [f"{text} (IBKR {code})" for code, text in said if not 2100 <= code < 2200]
    if serious:
        return LoginError(f"{failed} the login was refused: {serious[-1]}")
    if isinstance(error, TimeoutError):
        return LoginError(
            f"{failed} the connection was accepted, but no login came: is anybody logged in to TWS, and is the API "
            "enabled?"
        )
    if isinstance(error, ConnectionError) and "timed out" in str(error):
        return LoginError(f"{failed} it did not tell its positions. Restart TWS or IB Gateway if this goes on.")
    if isinstance(error, OSError) and error.strerror:
        return LoginError(f"{failed} {error.strerror}. Check IBKR_HOST, IBKR_PORT and the network.")
    return LoginError(
        f"{failed} the connection was closed during the login: is the API enabled, and this machine a trusted IP in "
        "TWS?"
    )

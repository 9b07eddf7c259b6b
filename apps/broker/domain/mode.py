"""May we trade here? Port, account and setting must agree before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.broker.choices import TradingMode

LIVE_PORTS = frozenset({7496, 4001})
PAPER_PORTS = frozenset({7497, 4002})
# Paper accounts are DU..., those of advisors DF...
PAPER_PREFIX = "D"


@dataclass(frozen=True, slots=True)
class Login:
    """What is known about the session; `accounts` None before the login."""

    paper_trading: bool
    port: int
    account: str
    accounts: Sequence[str] | None
    unlocked: bool
    live_ports: frozenset[int] = LIVE_PORTS


def mode_of_account(code: str) -> TradingMode:
    return TradingMode.PAPER if code.upper().startswith(PAPER_PREFIX) else TradingMode.LIVE


def refusal(login: Login) -> str:
    """Why this session may not be used and what to do; empty when it may."""
    return _setting_refusal(login) or ("" if login.accounts is None else _account_refusal(login, login.accounts))


def chosen_account(account: str, accounts: Sequence[str]) -> str:
    """The account to trade: the configured one, or the only one of the login. Empty when that cannot be said."""
    if account:
        return account if account in accounts else ""
    return accounts[0] if len(accounts) == 1 else ""


def _setting_refusal(login: Login) -> str:
    if login.paper_trading and login.port in login.live_ports:
        return (
            f"PAPER_TRADING=true but port {login.port} is a live port: "
            "set IBKR_PORT to 7497 (TWS) or 4002 (Gateway), or decide for live trading with PAPER_TRADING=false."
        )
    if login.paper_trading:
        return _prefix_refusal(login.account, paper=True) if login.account else ""
    if login.port not in login.live_ports:
        ports = " or ".join(str(port) for port in sorted(login.live_ports, reverse=True))
        return f"PAPER_TRADING=false but port {login.port} is not a live port: set IBKR_PORT to {ports}."
    if login.account and (reason := _prefix_refusal(login.account, paper=False)):
        return reason
    if not login.unlocked:
        return (
            "Live trading is locked: a person with the permission runs "
            "`manage.py unlock_live --user NAME --reason TEXT`, a second one confirms it with --confirm."
        )
    return ""


def _account_refusal(login: Login, accounts: Sequence[str]) -> str:
    if not accounts:
        return "The broker named no account: log in to TWS or IB Gateway with a user that may trade an account."
    reasons = (_prefix_refusal(account, paper=login.paper_trading) for account in accounts)
    if reason := next(filter(None, reasons), ""):
        return reason
    if not chosen_account(login.account, accounts):
        known = ", ".join(accounts)
        wrong = f"IBKR_ACCOUNT={login.account} is not an account of this login" if login.account else "Several accounts"
        return f"{wrong}: set IBKR_ACCOUNT to one of {known}."
    return ""


def _prefix_refusal(account: str, *, paper: bool) -> str:
    if paper and mode_of_account(account) is TradingMode.LIVE:
        return (
            f"PAPER_TRADING=true but {account} is a live account: log in to the paper account, "
            "or decide for live trading with PAPER_TRADING=false."
        )
    if not paper and mode_of_account(account) is TradingMode.PAPER:
        return (
            f"PAPER_TRADING=false but {account} is a paper account: set PAPER_TRADING=true, "
            "or log in to the live account."
        )
    return ""

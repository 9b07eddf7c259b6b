"""News, fundamentals, advisor and event data: small answers, or the refusal an account without subscription gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.fields import Reader
from ..protocol.messages import Answer, Request
from ..protocol.system import table
from ..types import RequestError
from .routes import handles

if TYPE_CHECKING:
    from ..sessions.session import Session

PROVIDERS = (
    ("BRFG", "Briefing.com General Market Columns"),
    ("BRFUPDN", "Briefing.com Analyst Actions"),
    ("DJNL", "Dow Jones Newsletters"),
)
DISPLAY_GROUPS = "1|2|3|4|5|6|7"


@handles(Request.REQ_NEWS_BULLETINS, identified=False)
def news_bulletins(session: Session, _: int, reader: Reader) -> None:
    session.wants_bulletins = True
    if reader.boolean():
        for message in session.gateway.bulletins:
            session.send(message)


@handles(Request.CANCEL_NEWS_BULLETINS, identified=False)
def cancel_news_bulletins(session: Session, _: int, reader: Reader) -> None:
    session.wants_bulletins = False


@handles(Request.REQ_NEWS_PROVIDERS, versioned=False, identified=False)
def news_providers(session: Session, _: int, reader: Reader) -> None:
    session.send(table(Answer.NEWS_PROVIDERS, (), PROVIDERS))


@handles(Request.REQ_HISTORICAL_NEWS, versioned=False)
def historical_news(session: Session, request_id: int, reader: Reader) -> None:
    if session.gateway.market.by_con_id(reader.int()) is None:
        raise RequestError(321, "Error validating request.-'cx' : cause - Invalid contract id")
    session.send((Answer.HISTORICAL_NEWS_END, request_id, 0))


@handles(Request.REQ_NEWS_ARTICLE, versioned=False)
def news_article(session: Session, request_id: int, reader: Reader) -> None:
    raise RequestError(10172, "Failed to request news article:No data available")


@handles(Request.REQ_FUNDAMENTAL_DATA)
def fundamental_data(session: Session, request_id: int, reader: Reader) -> None:
    raise RequestError(430, "We are sorry, but fundamentals data for the security specified is not available.")


@handles(Request.CANCEL_FUNDAMENTAL_DATA)
def cancel_fundamental_data(session: Session, request_id: int, reader: Reader) -> None:
    """The request was refused at once; there is nothing to cancel."""


@handles(Request.REQUEST_FA, identified=False)
@handles(Request.REPLACE_FA, identified=False)
def advisor_data(session: Session, _: int, reader: Reader) -> None:
    raise RequestError(321, "Error validating request.-'b2' : cause - FA data operations ignored for non FA customers.")


@handles(Request.REQ_WSH_META_DATA, versioned=False)
@handles(Request.REQ_WSH_EVENT_DATA, versioned=False)
def event_data(session: Session, request_id: int, reader: Reader) -> None:
    raise RequestError(10276, "News feed is not allowed.")


@handles(Request.CANCEL_WSH_META_DATA, versioned=False)
def cancel_event_meta_data(session: Session, request_id: int, reader: Reader) -> None:
    raise RequestError(10280, "Failed to cancel WSH meta data: not requested")


@handles(Request.CANCEL_WSH_EVENT_DATA, versioned=False)
def cancel_event_data(session: Session, request_id: int, reader: Reader) -> None:
    raise RequestError(10284, "Failed to cancel WSH event data: not requested")


@handles(Request.QUERY_DISPLAY_GROUPS)
def display_groups(session: Session, request_id: int, reader: Reader) -> None:
    session.send((Answer.DISPLAY_GROUP_LIST, 1, request_id, DISPLAY_GROUPS))


@handles(Request.SUBSCRIBE_TO_GROUP_EVENTS)
def group_events(session: Session, request_id: int, reader: Reader) -> None:
    session.send((Answer.DISPLAY_GROUP_UPDATED, 1, request_id, "none"))


@handles(Request.UPDATE_DISPLAY_GROUP)
def update_display_group(session: Session, request_id: int, reader: Reader) -> None:
    session.send((Answer.DISPLAY_GROUP_UPDATED, 1, request_id, reader.text()))


@handles(Request.UNSUBSCRIBE_FROM_GROUP_EVENTS)
def cancel_group_events(session: Session, request_id: int, reader: Reader) -> None:
    """Nothing happens in groups that nobody sees."""


@handles(Request.VERIFY_REQUEST, identified=False)
@handles(Request.VERIFY_MESSAGE, identified=False)
@handles(Request.VERIFY_AND_AUTH_REQUEST, identified=False)
@handles(Request.VERIFY_AND_AUTH_MESSAGE, identified=False)
def verify(session: Session, _: int, reader: Reader) -> None:
    raise RequestError(321, "Error validating request.-'bK' : cause - Third party verification is not supported")

"""Finding out what a verdict needs: first the broker's answers, outside of any lock, then the tables, under it."""

from apps.risk.gathering.answers import Answers, ask_broker
from apps.risk.gathering.facts import gather, intent_of
from apps.risk.gathering.margin import Margin, ask_margin
from apps.risk.gathering.seen import seen

__all__ = ["Answers", "Margin", "ask_broker", "ask_margin", "gather", "intent_of", "seen"]

"""Signals, advice and price series to read; parameters to change only by writing a new revision."""

from apps.strategies.admin.advice import RebalanceAdviceAdmin
from apps.strategies.admin.parameters import ParametersRevisionAdmin
from apps.strategies.admin.prices import PriceSeriesAdmin
from apps.strategies.admin.signals import MomentumSignalAdmin

__all__ = ["MomentumSignalAdmin", "ParametersRevisionAdmin", "PriceSeriesAdmin", "RebalanceAdviceAdmin"]

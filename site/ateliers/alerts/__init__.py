"""Alerts: « prévenez-moi » for any search, without an account; and wishes, for what nobody offers near here yet.

An alert is a Search kept with an address that has confirmed it. It stops by itself: after half a year nobody asked it to
go on. A wish is an alert that ends once it has been told, and counts with the others near it: see `alerts.demand`.
"""

from ateliers.alerts.demand import UnmetSearch
from ateliers.alerts.subscriptions import (
    LASTS,
    PACES,
    Alert,
    ask,
    by_token,
    confirm,
    extend,
    forget,
    manage_url,
    set_pace,
    stop,
    token_of,
)
from ateliers.alerts.telling import sweep

__all__ = [
    "LASTS",
    "PACES",
    "Alert",
    "UnmetSearch",
    "ask",
    "by_token",
    "confirm",
    "extend",
    "forget",
    "manage_url",
    "set_pace",
    "stop",
    "sweep",
    "token_of",
]

"""The post: letters wait in a table, written in the transaction they tell about, and a worker sends them.

`put()` works inside a unit of work only, so a letter exists if and only if what it says was committed. Delivery is at
least once: a row is leased by a conditional UPDATE, sent outside any transaction, then marked. A worker that dies in
between leaves a lease that runs out, and the letter goes again with the same Message-ID.

Order is strict within a group (a booking) for each recipient: a letter waits while an earlier one is still to be sent to
them. A dead letter blocks nobody: whoever never got the invitation must still be told that the session is called off, and
calendars ignore the cancelling of an event they do not have (RFC 5546 §3.2.5).

A letter is its bytes, or a draft: the values of the moment it tells of, from which the worker writes it (`compose`, given to
`run_worker` by whoever knows the domain). What changes later changes neither.
"""

from ateliers.outbox.delivery import Compose, Delivered, deliver_due
from ateliers.outbox.messages import (
    OutboxMessage,
    OutsideTransaction,
    Overtaken,
    dead_letters,
    drafting,
    due,
    purge,
    put,
    retry,
    waiting_since,
)
from ateliers.outbox.transports import Delayed, Refused, Transport, Unreachable, open_transport
from ateliers.outbox.worker import run_worker

__all__ = [
    "Compose",
    "Delayed",
    "Delivered",
    "OutboxMessage",
    "OutsideTransaction",
    "Overtaken",
    "Refused",
    "Transport",
    "Unreachable",
    "dead_letters",
    "deliver_due",
    "drafting",
    "due",
    "open_transport",
    "purge",
    "put",
    "retry",
    "run_worker",
    "waiting_since",
]

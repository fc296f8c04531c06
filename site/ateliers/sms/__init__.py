"""Texts (SMS): short letters to who gave a phone and no e-mail. Off unless SMS_URL names a way out.

They wait in the outbox beside the letters, in the transaction they tell about, and leave by a worker of their own. What
became of each stays in `TextMessage`: without a receipt that says delivered, the host phones.
"""

from ateliers.sms.delivery import SmsTransport
from ateliers.sms.gateways import Gateway, Taken, Text, open_gateway
from ateliers.sms.messages import CHANNEL, TextMessage, arrived, forget, latest, put
from ateliers.sms.numbers import may_text
from ateliers.sms.receipts import Receipt, Unreadable, note, receipt_key, receipt_url
from ateliers.sms.worker import gateway_of, run

__all__ = [
    "CHANNEL",
    "Gateway",
    "Receipt",
    "SmsTransport",
    "Taken",
    "Text",
    "TextMessage",
    "Unreadable",
    "arrived",
    "forget",
    "gateway_of",
    "latest",
    "may_text",
    "note",
    "open_gateway",
    "put",
    "receipt_key",
    "receipt_url",
    "run",
]

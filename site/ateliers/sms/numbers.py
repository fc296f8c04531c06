"""Which numbers a text may go to: mobiles of France and its territories. Everywhere else it may cost anything (SMS pumping)."""

from __future__ import annotations

import phonenumbers

REGIONS = frozenset({"FR", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "WF", "PF", "NC"})
_FICTIONAL = "+3363998"  # kept by Arcep for fiction; no operator has them, and libphonenumber calls them invalid
_MOBILE = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}


def may_text(number: str, *, fictional: bool = False) -> bool:
    """Whether `number` (E.164) is a mobile of `REGIONS`. `fictional`: those of invented people too, for demonstrations."""
    if number.startswith(_FICTIONAL) and len(number) == 12:
        return fictional
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.region_code_for_number(parsed) in REGIONS and phonenumbers.number_type(parsed) in _MOBILE

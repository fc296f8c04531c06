"""Days when people are away: public holidays by département, school holidays by zone. Codes here, words in templates."""

from ateliers.holidays.public import easter, public_holiday
from ateliers.holidays.school import UNKNOWN, school_holiday, school_zone

__all__ = ["UNKNOWN", "easter", "public_holiday", "school_holiday", "school_zone"]

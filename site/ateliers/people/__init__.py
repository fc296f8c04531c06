"""Who hosts: organisations, their counsellors, who manages and who coordinates; how they sign in.

Citizens are not here: they have bookings, not accounts.
"""

from ateliers.people.api_keys import ApiKey
from ateliers.people.counsellors import Coordination, Counsellor, Identity, Organisation, Stay
from ateliers.people.joining import Invitation, JoinRequest
from ateliers.people.sign_in import ProviderAttempt, SignIn, SignInLink
from ateliers.people.standing import Standing, standing_of

__all__ = [
    "ApiKey",
    "Coordination",
    "Counsellor",
    "Identity",
    "Invitation",
    "JoinRequest",
    "Organisation",
    "ProviderAttempt",
    "SignIn",
    "SignInLink",
    "Standing",
    "Stay",
    "standing_of",
]

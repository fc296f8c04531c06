"""The two kinds of "no" of a sign-in elsewhere. Their messages go to logs: codes and names only, never a token."""

from __future__ import annotations

from ateliers.refusals import Refusal

PASSED_ON = frozenset(
    {
        # RFC 6749 §4.1.2.1 and §5.2
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "invalid_scope",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
        # OpenID Connect Core 1.0 §3.1.2.6, and its companion on essential acr values
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
        "unmet_authentication_requirements",
    }
)
"""The error codes of the standards. Any other word of a provider (or of whoever made the link) is not repeated."""


class SignInRefusal(Refusal):
    """The provider could not sign this person in."""


class ProviderDown(SignInRefusal):
    """The provider is slow, dead, or answers what no provider should: nobody's fault here, try again later."""


class Refused(SignInRefusal):
    """What came back cannot be believed, or the provider said no. `reason` is a code; its sentence is in the templates.

    Ours: `state`, `iss` (another provider answered), `repeated` and `code` (a spoilt callback), `token` (the token
    answer is incomplete), `signature`, `id_token_…` and `userinfo_…` (the claim that is wrong: `iss`, `aud`, `azp`,
    `exp`, `iat`, `nbf`, `nonce`, `at_hash`, `sub`, …), `userinfo` (refused), `acr` (no second factor), `email` (none).
    The provider's: one of `PASSED_ON`, else `provider_error`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def passed_on(error: object, otherwise: str = "provider_error") -> Refused:
    """The refusal for an `error` that came from outside."""
    return Refused(error if isinstance(error, str) and error in PASSED_ON else otherwise)

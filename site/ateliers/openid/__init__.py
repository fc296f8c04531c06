"""Signing in at an OpenID provider: the code flow, by discovery, with every answer verified (OpenID Connect Core 1.0).

    async with Provider(url, client_id, client_secret) as provider:
        state, nonce = new_state(), new_state()                  # both kept in the browser's session, used once
        address = await provider.authorization_url(state, nonce, redirect_uri)
        …                                                        # the browser goes there, and comes back
        code = await provider.check_callback(params, state)
        claims = await provider.exchange(code, nonce, redirect_uri, now)

Whoever signs in is `(claims.issuer, claims.subject)`, never the e-mail address. A refusal is `ProviderDown` (not their
fault, try later) or `Refused` (with a reason code); neither ever repeats a token, a code or a secret.
"""

from ateliers.openid.provider import MFA, SCOPES, Provider, new_state
from ateliers.openid.refused import ProviderDown, Refused, SignInRefusal
from ateliers.openid.tokens import Claims

__all__ = ["MFA", "SCOPES", "Claims", "Provider", "ProviderDown", "Refused", "SignInRefusal", "new_state"]

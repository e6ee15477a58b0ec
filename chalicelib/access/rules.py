"""Who may do what. Pure.

For now there are two: whoever holds the admin token may do everything; everyone else may read projects
that are no drafts.
"""

import hashlib
import hmac
from dataclasses import dataclass

from chalicelib.errors import NotFound, Unauthenticated


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever is asking."""

    is_admin: bool = False

    def may_see(self, *, draft: bool) -> bool:
        """Whether a project, or what belongs to it, may be seen."""
        return self.is_admin or not draft

    def must_see(self, what: str, *, draft: bool) -> None:
        """Raises NotFound, as for what does not exist, where a draft may not be seen."""
        if not self.may_see(draft=draft):
            raise NotFound(f"There is no {what}.")

    def must_write(self) -> None:
        """Raises Unauthenticated unless writing is allowed."""
        if not self.is_admin:
            raise Unauthenticated("This needs a token: send the header 'Authorization: Token …'.")


ANONYMOUS = Principal()


def principal(authorization: str | None, admin_token_sha256: str | None) -> Principal:
    """Who sends this Authorization header; nobody in particular without one.

    Raises Unauthenticated for a header that is no known token: a mistyped token must not look like none.
    """
    if not authorization:
        return ANONYMOUS
    scheme, _, token = authorization.strip().partition(" ")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    if scheme.lower() == "token" and admin_token_sha256 and hmac.compare_digest(digest, admin_token_sha256):
        return Principal(is_admin=True)
    raise Unauthenticated("Nobody knows this token. Check the header 'Authorization: Token …'.")

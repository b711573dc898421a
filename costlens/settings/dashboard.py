"""The section `dashboard`: where it listens, what it hides, and who may see what once people sign in."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field, SecretStr

KEY = "dashboard"


class Login(BaseModel):
    """An OpenID Connect provider, and who is who."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    metadata_url: str = Field(description="The provider's `…/.well-known/openid-configuration`.")
    client_id: str = Field(description="Client that is registered with the provider.")
    client_secret: SecretStr = Field(description="Its secret, as ${ENV} or ${file:PATH}.")
    redirect_uri: str = Field(description="Address of the dashboard as people reach it, ending in /oauth2callback.")
    cookie_secret: SecretStr = Field(description="At least 32 random characters that sign the session's cookie.")
    admins: list[str] = Field(
        default_factory=list, description="Globs of verified e-mail addresses that see everything."
    )
    members: dict[str, list[str]] = Field(
        default_factory=dict, description="Team -> globs of verified e-mail addresses that see it."
    )
    groups_claim: str = Field(
        default="groups", description="Claim that lists a person's groups; a group named as a team sees that team."
    )

    def is_admin(self, email: str) -> bool:
        """Tell whether a verified e-mail address sees everything."""
        return _fits(email, self.admins)

    def is_member(self, email: str, team: str) -> bool:
        """Tell whether a verified e-mail address is listed for a team; groups are known only to who signed in."""
        return _fits(email, self.members.get(team, ()))


class Settings(BaseModel):
    """The dashboard."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    address: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8501, ge=1, le=65535, description="Port to listen on.")
    hide_texts: bool = Field(default=False, description="Show no query texts, not even masked ones.")
    hide_users: bool = Field(default=False, description="Show no users and roles.")
    login: Login | None = Field(default=None, description="Sign-in; without it whoever reaches the port sees all.")


def _fits(email: str, globs: Iterable[str]) -> bool:
    return bool(email) and any(fnmatchcase(email.casefold(), glob.casefold()) for glob in globs)

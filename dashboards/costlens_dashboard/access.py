"""Who reads, and what they may see: without a login all of it, with one admins all and people their teams' own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from costlens.settings.dashboard import Login, Settings

LOCAL = "local"


@dataclass(frozen=True)
class Reader:
    """Who reads: `teams` = the teams whose money and queries they see, None = everything."""

    name: str
    teams: frozenset[str] | None = None
    hides_texts: bool = False
    hides_users: bool = False

    def may_see(self, team: str | None) -> bool:
        return self.teams is None or team in self.teams


def reader_of(settings: Settings, teams: Iterable[str]) -> Reader | None:
    """Return who reads; None where they have to sign in first."""
    hides = {"hides_texts": settings.hide_texts, "hides_users": settings.hide_users}
    if settings.login is None:
        return Reader(LOCAL, None, **hides)
    if not st.user.get("is_logged_in", False):
        return None
    claims = dict(st.user.to_dict())
    return Reader(_name(claims), seen_teams(settings.login, claims, teams), **hides)


def seen_teams(login: Login, claims: Mapping[str, Any], teams: Iterable[str]) -> frozenset[str] | None:
    """Return the teams that a person sees, None = all; an e-mail address counts only where the provider has verified it."""
    email = str(claims.get("email") or "")
    if claims.get("email_verified") is False:
        email = ""
    if login.is_admin(email):
        return None
    mine = {team for team in login.members if login.is_member(email, team)}
    groups = claims.get(login.groups_claim)
    if isinstance(groups, (list, tuple)):
        mine |= {str(group) for group in groups} & set(teams)
    return frozenset(mine)


def _name(claims: Mapping[str, Any]) -> str:
    return str(claims.get("email") or claims.get("name") or claims.get("sub") or "somebody")


def secrets_of(login: Login) -> dict[str, Any]:
    """Return Streamlit's `auth` section of a login."""
    return {
        "auth": {
            "redirect_uri": login.redirect_uri,
            "cookie_secret": login.cookie_secret.get_secret_value(),
            "client_id": login.client_id,
            "client_secret": login.client_secret.get_secret_value(),
            "server_metadata_url": login.metadata_url,
        }
    }

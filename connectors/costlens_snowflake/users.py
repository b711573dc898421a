"""USERS and GRANTS_TO_USERS: what the account says of its persons. Their comments are free text and are not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from costlens.connector import Facts

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: USERS.TYPE of people; null where nobody set it.
_PERSON = "PERSON"


def users(rows: ir.Table) -> list[Facts]:
    """Return default role and address of each person; services and dropped users are left out."""
    kept = rows.filter(rows.deleted_on.isnull() & (rows.type.fill_null(_PERSON).upper() == _PERSON))
    facts = [
        kept.filter(kept[name].notnull() & (kept[name] != "")).select(
            day=kept.read_on, user=kept.name, field=ibis.literal(name), value=kept[name]
        )
        for name in ("default_role", "email")
    ]
    return [Facts("users", ibis.union(*facts).distinct())]


def grants(rows: ir.Table) -> list[Facts]:
    """Return the roles that each user holds; who granted it, and how often, is nothing to us."""
    held = rows.filter(rows.deleted_on.isnull())
    facts = held.select(
        day=held.read_on, user=held.grantee_name, field=ibis.literal("granted_role"), value=held.role
    ).distinct()
    return [Facts("users", facts)]

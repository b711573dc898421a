"""dbt: statements tagged by node as they are issued; what its artifacts and its log say of runs."""

from __future__ import annotations

"""The dashboard: a Streamlit app that shows the ledger, and nothing but the ledger."""

from __future__ import annotations

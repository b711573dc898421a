"""The script that Streamlit runs: it draws the frame, and the page within."""

from __future__ import annotations

from costlens_dashboard.frame import main

main()

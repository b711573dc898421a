"""The pages: one module each, with `draw(view)` that returns a heading where the page's own name is not it."""

from __future__ import annotations

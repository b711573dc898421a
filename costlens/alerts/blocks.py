"""A message as Slack's blocks, within Slack's limits, with nothing that a warehouse's name could make of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costlens.alerts.message import Fact, Message, one_line

#: Slack's own limits (docs.slack.dev/reference/block-kit/blocks).
HEADER, SECTION, FIELD, ALT, BUTTON_VALUE, URL, FALLBACK = 150, 3000, 2000, 2000, 2000, 3000, 3000
_MARKS = {
    "critical": ":rotating_light:",
    "high": ":red_circle:",
    "low": ":large_orange_circle:",
    "info": ":information_source:",
}
SNOOZES = (("snooze:1", "Snooze 1 day"), ("snooze:7", "Snooze 1 week"))
Block = dict[str, Any]


def escaped(text: str) -> str:
    """Return plain text for mrkdwn: no mention, link or format works in it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\u200b{c}" if c in "*_~`" else c for c in text)


def code(text: str) -> str:
    """Return a warehouse's text as code."""
    plain = (
        one_line(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}")
    )
    return f"`{plain}`" if plain else "–"


def fallback(message: Message) -> str:
    """Return what notifications and screen readers get."""
    return _cut(escaped(one_line(message.summary, FALLBACK)), FALLBACK)


def blocks(
    message: Message, *, image: str | None = None, is_reply: bool = False, has_buttons: bool = True
) -> list[Block]:
    """Return the blocks of a message; `image` is the id of an uploaded picture."""
    made: list[Block] = []
    if is_reply:
        made.append(_section(f"*{escaped(one_line(message.title))}*"))
    else:
        made.append(
            {"type": "header", "text": _plain(f"{_MARKS[message.severity]} {one_line(message.title, 120)}", HEADER)}
        )
    if message.lead:
        made.append(
            _section(f"*{escaped(one_line(message.lead))}*" if not is_reply else escaped(one_line(message.lead)))
        )
    if message.why:
        made.append(_section("\n".join(_line(fact) for fact in message.why)))
    if message.facts:
        made.append({"type": "section", "fields": [_field(fact) for fact in message.facts[:10]]})
    if message.table:
        made.append(_section(f"```{_cut(_columns(message.table), SECTION - 10)}```"))
    if image and message.plot is not None:
        made.append({"type": "image", "slack_file": {"id": image}, "alt_text": _cut(message.plot.title, ALT)})
    buttons = _buttons(message) if has_buttons and not is_reply else _link(message)
    if buttons:
        made.append({"type": "actions", "elements": buttons})
    if message.notes:
        notes = [
            {"type": "mrkdwn", "text": _cut(escaped(one_line(note, 1000)), FIELD), "verbatim": True}
            for note in message.notes[:10]
        ]
        made.append({"type": "context", "elements": notes})
    return made


def _buttons(message: Message) -> list[Block]:
    found: list[Block] = _link(message)
    if message.subject is None:
        return found
    value = _cut(message.subject, BUTTON_VALUE)
    found.append({"type": "button", "action_id": "acknowledge", "text": _plain("Acknowledge", 75), "value": value})
    found += [{"type": "button", "action_id": name, "text": _plain(text, 75), "value": value} for name, text in SNOOZES]
    return found


def _link(message: Message) -> list[Block]:
    if not message.link or len(message.link) > URL:
        return []
    return [
        {
            "type": "button",
            "action_id": "open",
            "text": _plain(message.link_text, 75),
            "url": message.link,
            "style": "primary",
        }
    ]


def _line(fact: Fact) -> str:
    shown = code(fact.text) if fact.is_code else escaped(one_line(fact.text))
    return f"*{escaped(one_line(fact.label, 100))}*  {shown}" if fact.label else shown


def _field(fact: Fact) -> Block:
    shown = code(fact.text) if fact.is_code else escaped(one_line(fact.text))
    return {"type": "mrkdwn", "text": _cut(f"*{escaped(one_line(fact.label, 100))}*\n{shown}", FIELD), "verbatim": True}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, SECTION), "verbatim": True}}


def _plain(text: str, length: int) -> Block:
    return {"type": "plain_text", "text": _cut(text, length), "emoji": True}


def _columns(table: Sequence[Sequence[str]]) -> str:
    """Return rows in columns of equal width: names to the left, figures to the right."""
    rows = [[one_line(cell, 34).replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}") for cell in row] for row in table]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    text = "\n".join(line.rstrip() for line in lines)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, length: int) -> str:
    """Cut to Slack's limit, not within an entity."""
    if len(text) <= length:
        return text
    kept = text[: length - 1]
    if "&" in kept[-5:] and ";" not in kept[kept.rindex("&") :]:
        kept = kept[: kept.rindex("&")]
    return f"{kept}…"

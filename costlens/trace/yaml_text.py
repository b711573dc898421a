"""SQL in YAML: every scalar that looks like a statement, named by its key."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from costlens.trace import quoted
from costlens.trace.fragment import Fragment, looks_like_sql

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def fragments(text: str) -> Iterator[Fragment]:
    """Yield the scalars that look like SQL; what is no YAML (a template of one) is searched for quoted texts."""
    try:
        documents = list(yaml.compose_all(text, Loader=_LOADER))
    except (yaml.YAMLError, RecursionError, ValueError):
        yield from quoted.fragments(text)
        return
    for document in documents:
        if document is not None:
            yield from _walk(document, None, set())


def _walk(node: yaml.Node, key: str | None, seen: set[int]) -> Iterator[Fragment]:
    if id(node) in seen:
        return  # an alias
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        if looks_like_sql(node.value):
            block = node.style in ("|", ">")
            yield Fragment(node.value, node.start_mark.line + (2 if block else 1), "yaml", key)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk(item, key, seen)
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _walk(value, str(name.value) if isinstance(name, yaml.ScalarNode) else key, seen)

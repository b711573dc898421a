"""Ways in which a statement lies in code: each function takes a name and a text and gives a file, and what the file runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

_TABLE = re.compile(r"`([\w-]+)\.([\w-]+)\.([\w*]+)`")
_DATE = re.compile(r"@(\w+)")


@dataclass(frozen=True)
class Form:
    """A file: its path and text, the function that runs the statement, and the line that it begins on."""

    path: str
    text: str
    function: str | None
    line: int


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def f_string(name: str, text: str) -> Form:
    """A method with an f-string: the project and the day are put in."""
    body = _escaped(text).replace("{", "{{").replace("}", "}}")
    body = _DATE.sub("'{day}'", _TABLE.sub(r"`{self.project}.\2.\3`", body))
    head = f'from jobs import Job\n\n\nclass Load(Job):\n    def run_{name}(self, day):\n        return self.query(\n            f"""\n'
    return Form(
        f"jobs/{name}.py", f'{head}{body}\n            """\n        )\n', f"Load.run_{name}", head.count("\n") + 1
    )


def str_format(name: str, text: str) -> Form:
    """A constant that `.format` completes in another place."""
    body = _escaped(text).replace("{", "{{").replace("}", "}}")
    body = _DATE.sub("'{day}'", body)
    head = f'import jobs\n\n\ndef run_{name}(day):\n    return jobs.run("""\n'
    return Form(f"jobs/{name}.py", f'{head}{body}\n""".format(day=day))\n', f"run_{name}", head.count("\n") + 1)


def percent(name: str, text: str) -> Form:
    """A string with `%` and values."""
    body = _DATE.sub("%(day)s", _escaped(text).replace("%", "%%"))
    head = f'import jobs\n\n\ndef run_{name}(day):\n    sql = """{""}\n'
    return Form(
        f"jobs/{name}.py",
        f'{head}{body}\n""" % {{"day": day}}\n    jobs.run(sql)\n',
        f"run_{name}",
        head.count("\n") + 1,
    )


def concatenation(name: str, text: str) -> Form:
    """A string per line, added up."""
    lines = [line for line in re.sub(r"--[^\n]*", "", text).splitlines() if line.strip()]
    rows = [f"    sql += {(line + chr(10))!r}" for line in lines[1:]]
    head = f"import jobs\n\n\ndef run_{name}():\n    sql = {(lines[0] + chr(10))!r}\n"
    return Form(f"jobs/{name}.py", head + "\n".join(rows) + "\n    jobs.run(sql)\n", f"run_{name}", 5)


def yaml_block(name: str, text: str) -> Form:
    """A block in a YAML file of jobs."""
    body = "\n".join(f"      {line}" for line in text.replace("\t", "    ").splitlines())
    head = f"jobs:\n  - name: {name}\n    query: |\n"
    return Form(f"config/{name}.yml", f"{head}{body}\n    owner: data\n", "query", head.count("\n") + 1)


def notebook(name: str, text: str) -> Form:
    """A cell that a magic makes SQL."""
    source = ["%%bigquery frame\n", *text.splitlines(keepends=True)]
    cells = [{"cell_type": "markdown", "source": ["# It\n"]}, {"cell_type": "code", "source": source}]
    return Form(f"notebooks/{name}.ipynb", json.dumps({"cells": cells}, indent=1), "cell 2", 13)


def jinja(name: str, text: str) -> Form:
    """A dbt model: tables by ref and source, days by var, a part that only incremental runs have."""
    body = _TABLE.sub(lambda found: "{{ source('" + found.group(2) + "', '" + found.group(3) + "') }}", text)
    body = _DATE.sub("'{{ var(\"day\") }}'", body)
    head = "{{ config(materialized='table') }}\n\n"
    tail = "\n{% if is_incremental() %}\nand loaded_at > (select max(loaded_at) from {{ this }})\n{% endif %}\n"
    return Form(f"models/{name}.sql", head + body + tail, None, 3)


def macro(name: str, text: str) -> Form:
    """A macro among others."""
    head = (
        "{% macro other() %}select 1 as one, 2 as two, 3 as three from nothing{% endmacro %}\n\n{% macro "
        + name
        + "(day) %}\n"
    )
    return Form(
        f"macros/{name}.sql", head + _DATE.sub("'{{ day }}'", text) + "\n{% endmacro %}\n", name, head.count("\n") + 1
    )


FORMS: dict[str, Callable[[str, str], Form]] = {
    "f-string": f_string,
    ".format": str_format,
    "%": percent,
    "concatenation": concatenation,
    "YAML": yaml_block,
    "notebook": notebook,
    "dbt model": jinja,
    "Jinja macro": macro,
}

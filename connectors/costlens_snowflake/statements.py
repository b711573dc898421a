"""The statements that export a view, for those who may not connect a tool to production."""

from __future__ import annotations

import re

from costlens.connector import View

#: Parquet takes no time with a zone from Snowflake: such columns are written as text in UTC.
_TIME = """to_varchar(convert_timezone('UTC', {name}), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"') as {name}"""
_TODAY = "to_date(convert_timezone('UTC', current_timestamp()))"
_BACK_FILL_DAYS = 365
_FILE_BYTES = 256 * 1024 * 1024


def export_statement(view: View, sql: str) -> str:
    """Return what writes the last year of a view to the user's stage, and what fetches the files from there.

    `sql` is the view's extraction query, which knows how names are spelt. A view whose columns differ between accounts is
    exported with all it has.
    """
    table = re.search(r"^from (\S+)", sql, re.MULTILINE)
    spelt = {name.strip('"'): name for name in re.findall(r'^    (?:sum\()?("?\w+"?)', sql, re.MULTILINE)}
    names = {name.lower(): quoted for name, quoted in spelt.items()}
    times = [column.name for column in view.columns if column.type == "instant"]
    columns = [
        _TIME.format(name=names[column.name]) if column.name in times else names[column.name]
        for column in view.columns
        if column.name in names
    ]
    if any(column.is_optional for column in view.columns):
        replaced = ",\n        ".join(_TIME.format(name=names[name]) for name in times)
        columns = [f"* replace (\n        {replaced}\n    )"]
    if view.is_snapshot:
        columns.append(f"{_TODAY} as {view.time_column}")
    listed = ",\n    ".join(columns)
    time = names.get(view.time_column)
    bound = f"\n    where v.{time} >= dateadd(day, -{_BACK_FILL_DAYS}, current_date())" if time else ""
    stage = f"@~/costlens/{view.name}/"
    return (
        f"copy into {stage} from (\n    select\n    {listed}\n    from {table.group(1) if table else view.name} as v{bound}\n) "
        f"file_format = (type = parquet) header = true overwrite = true max_file_size = {_FILE_BYTES};\n"
        f"get {stage} file://exports/snowflake/{view.name}/;"
    )

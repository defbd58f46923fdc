"""Pages for people as templates, HTML or Markdown, in which no text is ever markup."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2


def environment(templates: Path) -> jinja2.Environment:
    """Return the Jinja2 environment of a folder of templates.

    :param templates: the folder. `NAME.html.jinja` is escaped as HTML; others use the filter `md`.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        autoescape=lambda name: bool(name and ".html" in name),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["md"] = markdown
    return made


def markdown(text: object) -> str:
    """Return text that Markdown shows as it is, on one line: none of it is formatting, a link, HTML or a table's bar.

    :param text: anything; `str` of it is shown.
    """
    escaped = re.sub(r"([\\`*_{}\[\]<>()#|!~&$])", r"\\\1", " ".join(str(text).split()))
    # At the start of a line these would make a list or a heading.
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", escaped)

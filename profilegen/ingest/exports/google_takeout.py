"""Google Takeout: what a person searched, watched and asked Gemini, and the pages that Chrome remembers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qs, urlsplit

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader
from profilegen.ingest.exports.nested import as_mappings, as_text
from profilegen.ingest.exports.wording import Wording, learn_wording

# Parameters of addresses that hold what was searched; `q` of another address is where a link leads to.
_QUERIES = ("q", "search_query")
_SEARCHES = ("search", "results")
# For files with too few actions to learn how their language words them.
_ENGLISH = tuple(
    Wording(f"{verb} ")
    for verb in ("Watched", "Visited", "Viewed", "Listened to", "Searched for", "Prompted", "Asked", "Said", "Used")
)
_ASSISTANTS = ("gemini", "bard")
_PART_OF_ARCHIVE = re.compile(r"(?<=Z)(?:-\d+)?-\d{3}$")


def _is_activity(look: Look) -> bool:
    return {"header", "title", "time", "products"} <= set(look.columns)


def _reader(look: Look) -> Reader:
    titles: dict[str, set[str]] = {}
    for row in look.rows:
        titles.setdefault(_kind(row), set()).add(_title(row))
    wordings = {kind: learn_wording(each) for kind, each in titles.items()}

    def name_of(row: Mapping[str, object]) -> str:
        title = _title(row)
        names = (each.name_in(title) for each in (wordings.get(_kind(row), Wording()), *_ENGLISH) if any(each))
        return as_text(row.get("linkText")) or next((name for name in names if name), title)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        known = {"timestamp": row.get("time"), "channel": row.get("header")}
        query = _query(as_text(row.get("titleUrl")))
        if _is_advertisement(row):
            yield Passed("an advertisement")
        elif _kind(row) == "prompt":
            has_answer = bool(row.get("safeHtmlItem"))
            yield {**known, "text": name_of(row)} if has_answer else Passed("no prompt")
        elif query:
            yield {**known, "text": query, "event": "searched"}
        else:
            yield _item(row, name_of(row), known)

    return read


def _item(row: Mapping[str, object], name: str, known: Fields) -> Fields | Passed:
    url = as_text(row.get("titleUrl"))
    if not url or name.startswith(("http://", "https://")):  # A video that is gone, a page without a title.
        return Passed("no title")
    video = _parameter(url, "v") if "youtube." in _split(url).netloc else ""
    subtitles = as_mappings(row.get("subtitles"))
    by = as_text(subtitles[0].get("name")) if video and subtitles else ""
    seen = {"item_title": name, "item_id": video or None, "brand": by or None, "event": "watched" if video else None}
    return {**known, **seen}


def _title(row: Mapping[str, object]) -> str:
    return as_text(row.get("title")).replace("\xa0", " ").strip()


def _kind(row: Mapping[str, object]) -> str:
    """Return what titles are worded alike: prompts, else those that lead to the same part of the same site."""
    header = as_text(row.get("header")).casefold()
    if any(name in header for name in _ASSISTANTS):
        return "prompt"
    url = _split(as_text(row.get("titleUrl")))
    return url.netloc + "/" + url.path.strip("/").split("/")[0]


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _parameter(url: str, *names: str) -> str:
    try:
        found = parse_qs(_split(url).query, max_num_fields=100)
    except ValueError:
        return ""
    return next((found[name][0].strip() for name in names if name in found), "")


def _query(url: str) -> str:
    """Return what was searched, "" where the address is not one of a search."""
    parts = _split(url).path.strip("/").split("/")
    return _parameter(url, *_QUERIES) if any(part in _SEARCHES for part in parts) else ""


def _is_advertisement(row: Mapping[str, object]) -> bool:
    """Tell whether an action was shown by Google Ads; of YouTube, nothing else has details."""
    details = " ".join(as_text(detail.get("name")) for detail in as_mappings(row.get("details")))
    return "Google Ads" in details or ("youtube" in as_text(row.get("header")).casefold() and bool(details))


def _owner(look: Look) -> str | None:
    """Return the folder or archive that holds `Takeout`, which names nobody; parts of an archive are of one person."""
    parts = PurePosixPath(look.name).parts
    at = parts.index("Takeout") if "Takeout" in parts else 0
    return _PART_OF_ARCHIVE.sub("", parts[at - 1]) if at else None


def _is_chrome(look: Look) -> bool:
    return {"title", "url", "time_usec", "page_transition"} <= set(look.columns) or "Browser History" in look.columns


def _chrome_reader(look: Look) -> Reader:
    return _pages


def _pages(row: Mapping[str, object]) -> Iterator[Fields | Passed]:
    for page in as_mappings(row["Browser History"]) if "Browser History" in row else [row]:
        title, url = as_text(page.get("title")).strip(), as_text(page.get("url"))
        query = _query(url)
        known = {"timestamp": page.get("time_usec"), "channel": "Chrome"}
        if not url.startswith(("http://", "https://")) or not title or title.startswith(("http://", "https://")):
            yield Passed("no title")
        elif query:
            yield {**known, "text": query, "event": "searched"}
        else:
            yield {**known, "item_title": title, "event": "visited"}


EXPORTS = (
    Export(
        "google-activity",
        "Google Takeout, My Activity",
        {
            "text": "titleUrl",
            "item_title": "title",
            "item_id": "titleUrl",
            "brand": "subtitles",
            "timestamp": "time",
            "channel": "header",
        },
        _is_activity,
        _reader,
        owner=_owner,
    ),
    Export(
        "chrome-history",
        "Google Takeout, Chrome history",
        {"item_title": "title", "text": "url", "timestamp": "time_usec"},
        _is_chrome,
        _chrome_reader,
        owner=_owner,
    ),
)

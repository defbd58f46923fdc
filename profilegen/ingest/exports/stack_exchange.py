"""Stack Exchange: posts and comments of its dumps in XML, and the tables that others made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts
from profilegen.ingest.exports.nested import as_text
from profilegen.ingest.exports.quotes import without_quotes_and_code

_KINDS = {"1": "question", "2": "answer"}
# The user that edits for nobody.
_COMMUNITY = "-1"
# Columns of the dumps' other files, and what those hold.
_OTHER_FILES: Mapping[str, tuple[frozenset[str], str]] = {
    "users": (frozenset(("Id", "Reputation", "CreationDate", "DisplayName")), "users of Stack Exchange, no texts"),
    "votes": (frozenset(("Id", "PostId", "VoteTypeId")), "votes of Stack Exchange, no texts"),
    "badges": (frozenset(("Id", "UserId", "Name", "Class", "TagBased")), "badges of Stack Exchange, no texts"),
    "history": (frozenset(("Id", "PostHistoryTypeId", "PostId")), "edits of posts that are read as they are now"),
    "links": (frozenset(("Id", "LinkTypeId", "PostId")), "links of Stack Exchange, no texts"),
    "tags": (frozenset(("Id", "TagName", "Count")), "tags of Stack Exchange, no texts"),
}


def _columns(look: Look) -> frozenset[str]:
    """Return columns as the dumps write them: those of BigQuery are `owner_user_id`, without regard to case."""
    return frozenset(_plain(name) for name in look.columns)


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()


def _is_posts(look: Look) -> bool:
    columns = _columns(look)
    return {"id", "owneruserid", "body", "creationdate", "score"} <= columns and bool(
        {"posttypeid", "parentid", "title", "tags"} & columns
    )


def _read_posts(look: Look) -> Reader:
    channel = _site(look)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        post = {_plain(name): value for name, value in row.items()}
        kind = str(post.get("posttypeid") or (1 if post.get("title") else 2))
        user = _user(post.get("owneruserid"), post.get("ownerdisplayname"))
        if kind not in _KINDS:
            yield Passed("no question and no answer")
        elif user == _COMMUNITY:
            yield Passed("written by a program")
        else:
            yield {
                "user_id": user,
                "text": without_quotes_and_code(as_text(post.get("body"))),
                "title": post.get("title"),
                "timestamp": post.get("creationdate"),
                "event": _KINDS[kind],
                "channel": channel,
            }

    return read


def _user(number: object, name: object) -> object:
    """Return the number of a user; one who is gone has a name alone, and `NA` in some tables."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    written = "" if number is None else (as_text(number) or str(number)).removesuffix(".0")
    return written if written.lower() not in ("", "na", "nan", "null") else name


def _site(look: Look) -> str | None:
    """Return the site, which the folder is called after: `cooking.stackexchange.com`, `stackoverflow.com-Posts`."""
    folder = PurePosixPath(look.name).parent.name
    return folder.partition("-")[0] if "." in folder else None


def _is_comments(look: Look) -> bool:
    return {"id", "postid", "score", "text", "creationdate", "userid"} <= _columns(look)


def _read_comments(look: Look) -> Reader:
    channel = _site(look)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        comment = {_plain(name): value for name, value in row.items()}
        user = _user(comment.get("userid"), comment.get("userdisplayname"))
        if user == _COMMUNITY:
            yield Passed("written by a program")
            return
        yield {
            "user_id": user,
            "text": comment.get("text"),
            "timestamp": comment.get("creationdate"),
            "event": "comment",
            "channel": channel,
        }

    return read


def _has(columns: frozenset[str], look: Look) -> bool:
    return look.format == "xml" and columns <= set(look.columns)


EXPORTS = (
    Export(
        "stack-exchange",
        "Stack Exchange posts",
        {
            "user_id": "OwnerUserId",
            "text": "Body",
            "title": "Title",
            "timestamp": "CreationDate",
            "event": "PostTypeId",
            "channel": "the folder",
        },
        _is_posts,
        _read_posts,
    ),
    Export(
        "stack-exchange-comments",
        "Stack Exchange comments",
        {"user_id": "UserId", "text": "Text", "timestamp": "CreationDate", "channel": "the folder"},
        _is_comments,
        _read_comments,
    ),
    *(
        no_texts(f"stack-exchange-{name}", reason, partial(_has, columns))
        for name, (columns, reason) in _OTHER_FILES.items()
    ),
)

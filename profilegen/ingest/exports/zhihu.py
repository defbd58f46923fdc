"""Zhihu: answers, as its interface returns them and as tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Columns, Export, Fields, Look, Passed, Reader, first_value, table_export

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "user_id": ("author.url_token", "author.id", "author.name", "author_name", "author"),
    "text": ("content", "excerpt"),
    "item_id": ("question.id", "question_id"),
    "item_title": ("question.title", "question_title", "question", "title"),
    "timestamp": ("created_time", "created", "updated_time"),
}
_COLUMNS: Mapping[str, Columns] = _FIELDS
_NOBODY = ("匿名用户", "知乎用户", "0", "")


def _answers(row: Mapping[str, object]) -> list[object]:
    data = row.get("data")
    return data if isinstance(data, list) else [row]


def _target(answer: Mapping[str, object]) -> Mapping[str, object]:
    """Return the answer itself where it stands in an object that tells of it."""
    inner = answer.get("target")
    return inner if isinstance(inner, Mapping) else answer


def _is_answer(value: object) -> bool:
    answer = _target(value) if isinstance(value, Mapping) else {}
    return {"author", "content", "voteup_count"} <= answer.keys()


def _recognises(look: Look) -> bool:
    return any(_is_answer(answer) for row in look.rows[:20] for answer in _answers(row)[:20])


def _reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for each in _answers(row):
            if not isinstance(each, Mapping):
                continue
            fields = {field: _plain(first_value(_target(each), names)) for field, names in _FIELDS.items()}
            name = str(first_value(_target(each), ("author.name", "author_name", "author")) or "")
            if name in _NOBODY or str(fields["user_id"] or "") in _NOBODY:
                yield Passed("from a user without a name")
            else:
                yield fields

    return read


def _plain(value: object) -> object:
    return None if isinstance(value, Mapping | list) else value


EXPORTS = (
    Export("zhihu", "Zhihu answers", _COLUMNS, _recognises, _reader),
    table_export(
        "zhihu-table",
        "Zhihu answers",
        (("回答内容", "回答", "回答正文"), ("回答者", "答主", "作者", "作者昵称", "用户名", "回答者昵称")),
        {
            "user_id": ("回答者", "答主", "作者", "作者昵称", "用户名", "回答者昵称"),
            "text": ("回答内容", "回答", "回答正文"),
            "item_title": ("问题", "问题标题", "标题"),
            "timestamp": ("回答时间", "创建时间", "发布时间", "时间"),
        },
    ),
)

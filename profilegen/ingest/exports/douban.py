"""Douban: collections of short reviews of films, and what a person marked as seen, read or heard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Reader, first_value, no_texts, table_export

_USERS = ("用户名", "用户昵称", "昵称", "用户", "用户ID", "用户id", "评论者", "评论人", "评论用户")
_TEXTS = ("评论", "短评", "评论内容", "影评", "短评内容", "影评内容", "书评")
_TITLES = ("电影名", "电影名称", "电影", "片名", "影片名", "书名", "图书名称")
_MARKED: Mapping[str, tuple[str, ...]] = {
    "text": ("评论", "短评"),
    "item_id": ("链接", "条目链接"),
    "item_title": ("标题", "条目"),
    "rating": ("我的评分", "个人评分"),
    "timestamp": ("创建时间", "打分日期"),
}
# How people mark things, each a sheet or a file of the export.
_MARKS = "想看 在看 看过 想读 在读 读过 想听 在听 听过 想玩 在玩 玩过"


def _is_marked(look: Look) -> bool:
    return all(not set(_MARKED[field]).isdisjoint(look.columns) for field in ("item_id", "item_title", "rating"))


def _marked_reader(look: Look) -> Reader:
    name = PurePosixPath(look.name).name
    mark = next((each for each in _MARKS.split() if each in name), None)

    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        yield {"event": mark, **{field: first_value(row, names) for field, names in _MARKED.items()}}

    return read


EXPORTS = (
    table_export(
        "douban-dmsc",
        "Douban short comments (DMSC)",
        ("Movie_Name_EN", "Movie_Name_CN", "Username", "Comment"),
        {
            "user_id": "Username",
            "text": "Comment",
            "item_title": ("Movie_Name_CN", "Movie_Name_EN"),
            "rating": "Star",
            "timestamp": "Date",
        },
    ),
    table_export(
        "douban-films",
        "Douban comments and ratings of films",
        ("USER_MD5", "MOVIE_ID", "RATING"),
        {
            "user_id": "USER_MD5",
            "text": "CONTENT",
            "item_id": "MOVIE_ID",
            "rating": "RATING",
            "timestamp": ("COMMENT_TIME", "RATING_TIME"),
        },
    ),
    table_export(
        "douban-films-items",
        "Douban films",
        ("MOVIE_ID", "NAME"),
        {"item_id": "MOVIE_ID", "item_title": "NAME", "image": "COVER"},
        without=("USER_MD5",),
        role="items",
    ),
    no_texts(
        "douban-films-users",
        "holds users or actors, no texts",
        lambda look: {"USER_MD5", "USER_NICKNAME"} <= set(look.columns) or {"PERSON_ID", "NAME"} <= set(look.columns),
    ),
    Export("douban", "Douban, what a person marked", _MARKED, _is_marked, _marked_reader),
    table_export(
        "douban-table",
        "Douban reviews",
        (_USERS, _TEXTS, _TITLES),
        {
            "user_id": _USERS,
            "text": _TEXTS,
            "item_title": _TITLES,
            "rating": ("评分", "用户评分", "星级", "评分等级"),
            "timestamp": ("时间", "评论时间", "发布时间", "日期", "短评时间"),
        },
    ),
)

"""Weibo: posts of one person or of a search, and comments, as the usual programs that read Weibo write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Fields, Look, Passed, table_export

# What stands where there is no picture and no place.
_NONE = "无"
_YES = ("true", "1", "是", "yes")


def _original(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields | Passed:
    """Pass over what somebody else wrote and a person only sent on."""
    said = next((row[name] for name in ("是否为原创微博", "是否原创") if row.get(name) not in (None, "")), None)
    if row.get("retweet_id") or (said is not None and str(said).strip().lower() not in _YES):
        return Passed("a post of another that was sent on")
    return {field: value for field, value in fields.items() if value != _NONE}


def _owner(look: Look) -> str | None:
    """Return the name of the folder, which these programs call after the person."""
    return PurePosixPath(look.name).parent.name or None


EXPORTS = (
    table_export(
        "weibo-search",
        "Weibo posts",
        ("bid", "user_id", ("用户昵称", "screen_name"), ("微博正文", "正文", "text")),
        {
            "user_id": "user_id",
            "text": ("微博正文", "正文", "text"),
            "timestamp": ("发布时间", "完整日期", "日期", "created_at"),
            "channel": "话题",
            "image": ("微博图片url", "原始图片url"),
        },
        change=_original,
    ),
    table_export(
        "weibo",
        "Weibo posts of one person",
        (("微博id", "bid"), ("微博正文", "正文"), ("是否为原创微博", "是否原创", "头条文章url"), ("点赞数", "转发数")),
        {
            "text": ("微博正文", "正文"),
            "timestamp": ("发布时间", "完整日期", "日期"),
            "channel": "话题",
            "image": "原始图片url",
        },
        without=("user_id", "用户昵称"),
        change=_original,
        owner=_owner,
    ),
    table_export(
        "weibo-comments",
        "Weibo comments",
        (
            ("评论内容", "comment_text", "评论正文"),
            ("评论者昵称", "评论用户昵称", "评论者名称", "评论人昵称", "评论者id", "评论用户id"),
        ),
        {
            "user_id": (
                "评论者id",
                "评论用户id",
                "评论者昵称",
                "评论用户昵称",
                "评论者名称",
                "评论人昵称",
            ),
            "text": ("评论内容", "comment_text", "评论正文"),
            "timestamp": ("评论时间", "评论发布时间", "发布时间"),
        },
        constants={"event": "comment"},
    ),
)

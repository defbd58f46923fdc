"""Weibo: posts of one person or of a search, and comments, as the usual programs that read Weibo write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Fields, Look, Passed, table_export

# What stands where there is no picture and no place.
_NONE = "无"
# What Weibo writes where a person sends a post on without a word.
_NO_WORDS = ("转发微博", "轉發微博", "Repost")
_YES = ("true", "1", "是", "yes")

_SENT_ON = Passed("a post of another that was sent on")


def _original(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields | Passed:
    """Pass over what somebody else wrote and a person only sent on."""
    said = next((row[name] for name in ("是否为原创微博", "是否原创") if row.get(name) not in (None, "")), None)
    if row.get("retweet_id") or (said is not None and str(said).strip().lower() not in _YES):
        return _SENT_ON
    # Behind `//@` stand the words of those whose posts are sent on.
    text = str(fields.get("text") or "").partition("//@")[0].strip()
    if text in _NO_WORDS or (not text and fields.get("text")):
        return _SENT_ON
    return {**{field: value for field, value in fields.items() if value != _NONE}, "text": text}


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

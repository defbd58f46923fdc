"""The columns that hold the fields of a document: as mapped, else as they are usually named."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

from profilegen.errors import InputError, UsageError
from profilegen.language.cleaning import printable

# Usual names of columns, the preferred first; case, spaces and punctuation do not count.
_USUAL_NAMES = {
    "user_id": """user_id user reviewer_id customer_id member_id account_id buyer_id profile_id uid user_name
        author_id author reviewer customer member buyer
        用户id 用户编号 用户名 用户 会员id 会员 买家 作者 昵称""",
    "text": """text review review_text review_body review_content content body comment comments comment_text
        message post tweet query 评论 评论内容 评价 评价内容 内容 正文 文本""",
    "title": "title summary headline subject review_title review_headline 标题 评论标题",
    "item_id": "item_id asin product_id parent_asin sku goods_id article_id 商品id 商品编号 产品id",
    "item_title": """item_title product_title product_name item_name item product goods_name
        商品名 商品名称 商品标题 产品名称 商品""",
    "brand": "brand brand_name manufacturer 品牌",
    "price": "price item_price unit_price 价格 金额 单价",
    "rating": "rating overall stars star_rating score review_rating 评分 星级 打分",
    "timestamp": """timestamp datetime created_at created unix_review_time review_date event_time date time
        review_time 时间 日期 评论时间 发布时间""",
    "event": "event action event_type behavior behaviour 事件 行为",
    "channel": "channel source platform 渠道 来源 平台",
    "image": "image image_url picture 图片",
}
FIELDS = tuple(_USUAL_NAMES)

ColumnMap = tuple[tuple[str, str], ...]
"""Columns as a person mapped them: pairs of a field and the column that holds it."""


@functools.lru_cache(maxsize=1024)
def columns_by_field(columns: tuple[str, ...], mapping: ColumnMap) -> dict[str, str]:
    """Return field → column, as mapped, else as usually named. A column serves one field.

    :param columns: the names of all columns of a table.
    :param mapping: the columns that a person named, by field; those that the table has not are passed over.
    """
    places = {target: column for target, column in mapping if column in columns}
    by_name: dict[str, str] = {}
    for column in columns:
        if column not in places.values():
            by_name.setdefault(_plain(column), column)
    for target, names in _PLAIN_NAMES.items():
        name = next((name for name in names if name in by_name), None)
        if name and target not in places:
            places[target] = by_name.pop(name)
    return places


def check_columns(columns: tuple[str, ...], mapping: ColumnMap, wanted: set[str]) -> None:
    """Check that a table has a column of users, a column of texts, and all columns that were asked for.

    :param columns: the names of all columns of the table.
    :param mapping: the columns that a person named, by field.
    :param wanted: columns that have to be there.
    :raises UsageError: a wanted column is not there.
    :raises InputError: no column is of users, or none of texts.
    """
    if missing := wanted.difference(columns):
        raise UsageError(unknown_columns(missing, columns))
    places = columns_by_field(columns, mapping)
    for fields, what, example in (
        (("user_id",), "users", "user_id=COLUMN"),
        (("text", "title", "item_title"), "texts", "text=COLUMN"),
    ):
        if columns and places.keys().isdisjoint(fields):
            raise InputError(f"no column of {what} among {join_names(columns)}; say which it is with --map {example}")


def unknown_columns(missing: set[str], columns: Sequence[str]) -> str:
    """Return the message that mapped columns are not there, and which are.

    :param missing: the mapped columns.
    :param columns: all columns that there are.
    """
    return f"no column {join_names(sorted(missing))} to map from; the columns are {join_names(columns)}"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


_PLAIN_NAMES = {target: [_plain(name) for name in names.split()] for target, names in _USUAL_NAMES.items()}


def join_names(names: Sequence[str]) -> str:
    """Return names on one line for a message: the first twenty, each printable and cut at 60 characters.

    :param names: of columns or of files.
    """
    joined = ", ".join(printable(name if len(name) <= 60 else f"{name[:59]}…") for name in names[:20])
    return joined + (f" and {len(names) - 20} more" if len(names) > 20 else "")

"""Which columns of a table hold the fields of a document, and why: as mapped, as named, as their values look."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from profilegen.ingest.paths import CONSTANT, first_name
from profilegen.ingest.values import parse_number
from profilegen.language.cleaning import printable
from profilegen.records import FieldSource

# Usual names of columns, the preferred first; case, spaces and punctuation do not count.
_USUAL_NAMES = {
    "user_id": """user_id user reviewer_id customer_id member_id account_id buyer_id profile_id uid user_name
        author_id author reviewer customer member buyer username screen_name handle sender from_id from nickname
        用户id 用户编号 用户名 用户 会员id 会员 买家 作者 昵称""",
    "text": """text review review_text review_body review_content content body full_text selftext comment comments
        comment_text message post tweet query answer 评论 评论内容 评价 评价内容 内容 正文 文本""",
    "title": """review_title review_headline review_summary summary headline title subject 评论标题 标题""",
    "item_id": """item_id asin product_id parent_asin sku goods_id article_id movie_id book_id business_id news_id
        track_id app_id isbn 商品id 商品编号 产品id""",
    "item_title": """item_title product_title product_name item_name item product goods_name movie_title movie
        book_title book film track_name song 商品名 商品名称 商品标题 产品名称 商品""",
    "brand": "brand brand_name manufacturer 品牌",
    "price": "price item_price unit_price 价格 金额 单价",
    "rating": "rating overall stars star_rating review_rating review_score score 评分 星级 打分",
    "rating_scale": "rating_scale rating_max max_rating best_rating 满分",
    "timestamp": """timestamp datetime created_at created_utc created unix_review_time review_date event_time date time
        review_time posted_at published_at sent_at submitted_at 时间 日期 评论时间 发布时间""",
    "event": "event action event_type behavior behaviour 事件 行为",
    "channel": "channel source platform subreddit forum community 渠道 来源 平台",
    "image": "image image_url picture 图片",
}
FIELDS = tuple(_USUAL_NAMES)
# Names that are of the item where the review has a title of its own beside them.
_ITEM_TITLES = ("title", "name")
# The usual scales of ratings end at 5, 10 or 100 (of which few values are used); votes and points do not.
_MAX_RATING = 10.0

ColumnMap = tuple[tuple[str, str], ...]
"""What a person mapped: pairs of a field and the path to its values, or a constant; a field may come several times."""


def choose_fields(
    columns: Sequence[str], rows: Sequence[Mapping[str, object]], mapping: ColumnMap = ()
) -> dict[str, FieldSource]:
    """Return where each field comes from: as mapped, else as usually named. A column serves one field.

    :param columns: the names of all columns of a table.
    :param rows: some of its rows, by which names are checked that mean several things.
    :param mapping: what a person mapped; paths that begin with no column of the table are passed over.
    """
    chosen = _mapped(columns, mapping)
    taken = {column for source in chosen.values() for column in source.columns}
    by_name: dict[str, str] = {}
    for column in columns:
        if column not in taken:
            by_name.setdefault(_plain(column), column)
    for target, names in _PLAIN_NAMES.items():
        if target in chosen:
            continue
        for name in names:
            if name in by_name and _may_be(target, by_name[name], rows):
                column = by_name.pop(name)
                places = (column, *_stand_ins(column, [by_name[each] for each in names if each in by_name], rows))
                chosen[target] = FieldSource(field=target, columns=places, why="by its name")
                by_name = {plain: each for plain, each in by_name.items() if each not in places}
                break
    if "item_title" not in chosen and "title" in chosen:
        rest = next((by_name[each] for each in _ITEM_TITLES if each in by_name), None)
        if rest:
            why = "the review has a title of its own"
            chosen["item_title"] = FieldSource(field="item_title", columns=(rest,), why=why)
    return chosen


def _stand_ins(column: str, others: Sequence[str], rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the columns of rows that have no such column: objects need not have the same keys."""
    return [other for other in others if any(other in row and column not in row for row in rows)]


def _mapped(columns: Sequence[str], mapping: ColumnMap) -> dict[str, FieldSource]:
    chosen: dict[str, FieldSource] = {}
    for target, path in mapping:
        if path.startswith(CONSTANT) or path in columns or first_name(path) in columns:
            before = chosen[target].columns if target in chosen else ()
            chosen[target] = FieldSource(field=target, columns=(*before, path), why="named by you")
    return chosen


def _may_be(target: str, column: str, rows: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether the values of a column of a usual name are what the name says."""
    if target != "rating":
        return True
    numbers = [number for row in rows if (number := parse_number(row.get(column))) is not None]
    return not numbers or max(numbers) <= _MAX_RATING


def unknown_columns(missing: set[str], columns: Sequence[str]) -> str:
    """Return the message that mapped columns are not there, and which are.

    :param missing: the mapped columns.
    :param columns: all columns that there are.
    """
    return f"no column {join_names(sorted(missing))} to map from; the columns are {join_names(columns)}"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


_PLAIN_NAMES = {target: [_plain(name) for name in names.split()] for target, names in _USUAL_NAMES.items()}


def join_names(names: Sequence[str], max_chars: int = 60) -> str:
    """Return names on one line for a message: the first twenty, each printable and cut where it is long.

    :param names: of columns or of files.
    :param max_chars: of each, at most.
    """
    joined = ", ".join(
        printable(name if len(name) <= max_chars else f"{name[: max_chars - 1]}…") for name in names[:20]
    )
    return joined + (f" and {len(names) - 20} more" if len(names) > 20 else "")

"""Which data the weights, thresholds and words behind each figure were chosen on.

A figure on data that something was chosen on is too good for other data. English reviews are 598 users with reviews of
one category of products each, Chinese ones 400 groups of five reviews; docs/evaluation.md says where they are from.
"""

from __future__ import annotations

# By the beginning of a figure's name; the longest that fits counts.
_CHOSEN_ON = {
    "claims.distinct": "the cosine of sameness: pairs of claims from English and Chinese reviews",
    "claims.missed": "the cosine of sameness: none for MiniLM; for other embedders the speakers of conversations",
    "claims.right": "the cosine of sameness: none for MiniLM; for other embedders the speakers of conversations",
    "identify": "weight of item titles: English reviews",
    "search": "weights of segment, category and claims: the same questions on English and Chinese reviews",
    "next": "sharpness and number of neighbours: a fifth of the users of two sets of English reviews",
    "segments": "number of layouts, views and neighbours: English reviews and shoppers",
}


def chosen_on(name: str) -> str:
    """Return which data something behind a figure was chosen on; nothing if on none.

    :param name: name of the figure, such as `search.p10`.
    """
    fitting = [start for start in _CHOSEN_ON if name == start or name.startswith(f"{start}.")]
    return _CHOSEN_ON[max(fitting, key=len)] if fitting else ""

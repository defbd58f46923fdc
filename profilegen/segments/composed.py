"""Names, criteria and descriptions of segments put together from their claims, without a writer."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import cast

from profilegen.errors import UsageError
from profilegen.language.cleaning import fold
from profilegen.language.predicates import predicate
from profilegen.language.registry import language_of
from profilegen.records import Stance
from profilegen.resources import prompts_dir
from profilegen.segments.group_claims import GroupClaims, SharedClaim
from profilegen.segments.likeness import content_words, stems, words

MOST = 0.5
"""The share of members from which a claim holds of most of them."""
MAX_NAME_WORDS = 5
_WORDS_FILE = "segments.toml"
_MAX_PART_WORDS = 4
_MAX_CRITERION_CLAIMS = 2
_MAX_LISTED = 4
# Letters of a name that count as a word where no blanks separate words.
_LETTERS_PER_WORD = 3


def compose_names(group: GroupClaims) -> Iterator[str]:
    """Give names for a group, the best first: what sets it apart most, then with what sets it apart less.

    :param group: what its members have in common.
    """
    comma = language_of(group.language).comma
    parts = _parts(group.distinctive, group.language)
    if parts and _size(parts[0], group.language) > 1:
        yield _headed(parts[:1], comma)
    for size in (2, 3):
        for chosen in combinations(parts, size):
            if _size(comma.join(chosen), group.language) <= MAX_NAME_WORDS and _differ(chosen, group.language):
                yield _headed(chosen, comma)
    yield from (_headed([part], comma) for part in parts)
    if not parts:
        yield from _mixed_names(group)


def unlike_others(names: Iterator[str], taken: Collection[str], group_id: str) -> str:
    """Return the first name that no other group has; if all are taken, the last with the end of the group's id.

    :param names: at least one.
    :param taken: names of other groups, folded.
    :param group_id: id of the group.
    """
    last = ""
    for name in names:
        if fold(name) not in taken:
            return name
        last = name
    return f"{last} {group_id.rpartition('-')[2]}".strip()


def extended_names(name: str, group: GroupClaims) -> Iterator[str]:
    """Give a name, and then the name with each thing that sets the group apart after a colon.

    :param name: of a group.
    :param group: what its members have in common.
    """
    size = _size(name, group.language)
    if size > 1:
        yield name
    known = set(words(name, group.language))
    for part in _parts(group.distinctive, group.language):
        if not known & set(words(part, group.language)) and size + _size(part, group.language) <= MAX_NAME_WORDS:
            yield f"{name}{language_of(group.language).colon}{part}"


def compose_criterion(group: GroupClaims) -> str:
    """Return who belongs to a group, as a predicate; empty if its members have nothing in common.

    :param group: what its members have in common.
    """
    phrases = phrases_in(group.language)
    of_most = [claim for claim in group.distinctive if claim.share >= MOST]
    chosen: list[SharedClaim] = []
    for claim in of_most or group.distinctive:
        if len(chosen) < _MAX_CRITERION_CLAIMS and _differ([each.text for each in (*chosen, claim)], group.language):
            chosen.append(claim)
    join = phrases["both" if of_most else "any"].join
    texts: dict[Stance, list[str]] = {}
    for claim in chosen:
        texts.setdefault(claim.stance, []).append(claim.text)
    return join(predicate(stance, join(each), group.language) for stance, each in texts.items())


def criterion_in_words(criterion: str, language: str) -> str:
    """Return a criterion as persons read it, such as "belongs who likes slow films".

    :param criterion: a predicate, "" for none.
    :param language: ISO 639-1 code.
    """
    return phrases_in(language)["criterion"].replace("{}", criterion) if criterion else ""


def compose_description(group: GroupClaims) -> str:
    """Return one or two sentences that list what most and what many members have in common, or that it is little.

    :param group: what its members have in common.
    """
    phrases = phrases_in(group.language)
    if not group.distinctive:
        return _listed("some", [*group.shared, *group.scattered], group.language) or phrases["nothing"]
    most = _listed("most", [claim for claim in group.shared if claim.share >= MOST], group.language)
    blank = " " if language_of(group.language).is_spaced else ""
    return blank.join(text for text in (most, list_many(group)) if text)


def list_many(group: GroupClaims) -> str:
    """Return a sentence that lists what many members have in common, but not most; empty if there is no such thing.

    :param group: what its members have in common.
    """
    return _listed("many", [claim for claim in group.shared if claim.share < MOST], group.language)


def _listed(phrase: str, claims: Sequence[SharedClaim], language: str) -> str:
    items = language_of(language).comma.join(claim.predicate for claim in claims[:_MAX_LISTED])
    return phrases_in(language)[phrase].replace("{}", items) if items else ""


def phrases_in(language: str) -> Mapping[str, str]:
    """Return the phrases of `prompts/segments.toml` in a language, those that it lacks in English.

    :param language: ISO 639-1 code.
    :raises UsageError: the file cannot be used.
    """
    every = _phrases()
    return {**every["en"], **every.get(language, {})}


def _mixed_names(group: GroupClaims) -> Iterator[str]:
    """Give names that say plainly that the members have little in common, and what a few of them have."""
    phrases, colon = phrases_in(group.language), language_of(group.language).colon
    if not group.n_compared:
        yield phrases["silent"]
        return
    for part in _parts([*group.shared, *group.scattered], group.language):
        yield f"{phrases['mixed']}{colon}{part}"
    yield phrases["mixed"]


def _parts(claims: Sequence[SharedClaim], language: str) -> list[str]:
    """Return claims that are short enough for a name: first what is liked, alone, then the others as predicates."""
    liked = [claim.text for claim in claims if claim.stance == "likes"]
    texts = liked + [claim.predicate for claim in claims if claim.stance != "likes"]
    short = [text for text in texts if 0 < _size(text, language) <= _MAX_PART_WORDS]
    return short or texts[:1]


def _differ(texts: Sequence[str], language: str) -> bool:
    """Return whether no word of meaning stands in two of the texts."""
    stemmed = [{key for word in content_words(text, language) for key in stems(word, language)} for text in texts]
    return sum(map(len, stemmed)) == len(set().union(*stemmed))


def _size(text: str, language: str) -> int:
    """Return the number of words; where no blanks separate them, of what is about as long."""
    if language_of(language).is_spaced and (" " in text.strip() or text.isascii()):
        return len(words(text, language))
    return -(-len(text) // _LETTERS_PER_WORD)


def _headed(parts: Sequence[str], comma: str) -> str:
    name = comma.join(parts)
    return name[:1].upper() + name[1:]


@cache
def _phrases() -> Mapping[str, Mapping[str, str]]:
    path = prompts_dir() / _WORDS_FILE
    try:
        read = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    is_table = all(
        isinstance(table, dict) and all(isinstance(text, str) for text in table.values()) for table in read.values()
    )
    if "en" not in read or not is_table:
        raise UsageError(f"{path} has tables of texts by language, [en] among them")
    return cast("Mapping[str, Mapping[str, str]]", read)

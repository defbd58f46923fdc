"""What sets groups of users apart: claims that many members share and few others, with the share of members.

Words of claims are open and seldom repeat. So a claim counts for a member if the member has one that says the same:
by the words, by vectors, or, where these are in doubt, by the verdict of a verifier on the words that the member wrote.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from profilegen.backends import Verifier
from profilegen.claims.taxonomy import Taxonomy
from profilegen.language.predicates import predicate
from profilegen.records import NEGATIVE_STANCES, Category, Claim
from profilegen.segments.comparison import Comparison, Embed, Ranked, Table
from profilegen.segments.group_claims import (
    GroupClaims,
    SharedClaim,
    UserClaims,
    best_evidence,
    least_members,
)
from profilegen.segments.likeness import Scale, is_inside, stems

_MAX_CATEGORIES = 6
_NEARLY_ALL = 0.8
_NOUNS_IN_CAPITALS = frozenset({"de"})
# A category above another says more if it has this many times as many users.
_MANY_MORE = 1.5
_MAX_SHARED = 12
_MAX_SCATTERED = 6


def distinctive_claims(
    group_id: str,
    members: Sequence[UserClaims],
    others: Table,
    *,
    n_members: int,
    scales: Mapping[str, Scale],
    taxonomy: Taxonomy,
    embed: Embed,
    verifier: Verifier | None = None,
) -> GroupClaims:
    """Return what sets a group apart. Groups may be clusters of any level of a hierarchy.

    Claims are ranked by log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin'
    Words"), counted by persons.

    :param group_id: the group.
    :param members: claims of `sample_members`, the most typical first; those without claims are left out.
    :param others: `Table.of` a sample of all users, the same for every group; members among them are left out.
    :param n_members: number of all members.
    :param scales: of the embedder, for every language of the users.
    :param taxonomy: what the categories of the claims are of.
    :param embed: texts to (n_texts, n_dims) float32, rows L2-normalised.
    :param verifier: tells whether a member's words show a claim; without one, only near vectors count.
    """
    inside = [user for user in members if user.claims]
    ids = {user.user_id for user in inside}
    if not inside:
        return GroupClaims(group_id, _main_language(members), n_members, 0)
    language = _main_language(inside)
    comparison = Comparison(
        language,
        Table.of(inside, scales),
        others.without(ids),
        scales[language],
    )
    claims = _without_repeats(comparison.ranked(comparison.candidates(embed), verifier), comparison.scale)
    claims += _category_claims(comparison, claims, taxonomy, embed)
    found = sorted((each.claim for each in claims), key=lambda claim: (-claim.z, -claim.share, claim.text))
    least = least_members(len(inside))
    scattered = sorted(found, key=lambda claim: -len(claim.users))
    return GroupClaims(
        group_id,
        language,
        n_members,
        len(inside),
        tuple(claim for claim in found if len(claim.users) >= least)[:_MAX_SHARED],
        tuple(claim for claim in scattered if len(claim.users) < least)[:_MAX_SCATTERED],
        tuple(
            tuple(predicate(claim.stance, claim.text, user.language) for _, claim in user.claims) for user in inside[:3]
        ),
    )


def _main_language(users: Sequence[UserClaims]) -> str:
    counts = Counter(user.language for user in users)
    return min(counts, key=lambda language: (-counts[language], language)) if counts else "und"


def _without_repeats(ranked: Sequence[Ranked], scale: Scale) -> list[Ranked]:
    """Return the claims in the same order, without those that say an earlier one again."""
    chosen: list[Ranked] = []
    for each in ranked:
        if not any(_is_repeat(each, other, scale) for other in chosen):
            chosen.append(each)
    return chosen


def _is_repeat(one: Ranked, other: Ranked, scale: Scale) -> bool:
    if (one.claim.stance in NEGATIVE_STANCES) != (other.claim.stance in NEGATIVE_STANCES):
        return False
    users, others = set(one.claim.users), set(other.claim.users)
    near = float(one.vector @ other.vector) >= scale.same
    same_words = is_inside(one.key, other.key) or is_inside(other.key, one.key)
    return (near or same_words) and 2 * len(users & others) >= min(len(users), len(others))


# --- categories -------------------------------------------------------------------------------------------


def _category_claims(
    comparison: Comparison, claims: Sequence[Ranked], taxonomy: Taxonomy, embed: Embed
) -> list[Ranked]:
    """Return the categories of interests that several members share and that no claim says already."""
    inside, outside = _category_users(comparison.inside, taxonomy), _category_users(comparison.outside, taxonomy)
    n_inside, n_outside = len(comparison.inside.users), len(comparison.outside.users)
    users = {node: owners for node, owners in inside.items() if len(owners) > 1 or n_inside == 1}
    nodes = _lowest(users, taxonomy)[:_MAX_CATEGORIES]
    names = [_in_a_sentence(taxonomy.by_id[node].name(comparison.language), comparison.language) for node in nodes]
    found = []
    for node, name, vector in zip(nodes, names, comparison.embedded(names, embed), strict=True):
        owners, n_other = users[node], len(outside.get(node, {}))
        claim = SharedClaim(
            "interest",
            "likes",
            name,
            comparison.language,
            tuple(comparison.inside.users[owner].user_id for owner in owners),
            len(owners) / n_inside,
            n_other / max(n_outside, 1),
            comparison.z(len(owners), n_other),
            best_evidence(owners.items()),
            Category(scheme=taxonomy.scheme, id=node, name=taxonomy.by_id[node].name(comparison.language)),
        )
        ranked = Ranked(claim, vector, stems(name, comparison.language))
        if not any(_covers(other, ranked, comparison.scale) for other in claims):
            found.append(ranked)
    return found


def _in_a_sentence(name: str, language: str) -> str:
    """Return the name of a category with a small first letter, unless its first word has more capitals."""
    first = name.split(" ", 1)[0]
    return name[:1].lower() + name[1:] if language not in _NOUNS_IN_CAPITALS and first[1:].islower() else name


def _covers(claim: Ranked, category: Ranked, scale: Scale) -> bool:
    """Return whether a claim says what a category does, of nearly the same members."""
    near = float(claim.vector @ category.vector) >= scale.same or is_inside(claim.key, category.key)
    users = set(category.claim.users)
    return near and len(users & set(claim.claim.users)) >= _NEARLY_ALL * len(users)


def _lowest(users: Mapping[str, Mapping[int, Claim]], taxonomy: Taxonomy) -> list[str]:
    """Return the categories, the commonest first; one with others below it only if it has many more users than each."""
    depth = {node: len(list(taxonomy.lineage(node))) for node in users}
    chosen: list[str] = []
    for node in sorted(users, key=lambda node: (-depth[node], -len(users[node]), node)):
        below = [len(users[other]) for other in chosen if node in taxonomy.lineage(other)]
        if len(users[node]) >= _MANY_MORE * max(below, default=0):
            chosen.append(node)
    return sorted(chosen, key=lambda node: (-len(users[node]), -depth[node], node))


def _category_users(table: Table, taxonomy: Taxonomy) -> dict[str, dict[int, Claim]]:
    """Return the users who like something of a category or of one below it, each with a claim that shows it."""
    users: dict[str, dict[int, Claim]] = defaultdict(dict)
    for owner, (_, claim) in zip(table.owner, table.rows, strict=True):
        if claim.category and claim.category.id in taxonomy.by_id and claim.stance not in NEGATIVE_STANCES:
            for node in taxonomy.lineage(claim.category.id):
                users[node].setdefault(owner, claim)
    return users

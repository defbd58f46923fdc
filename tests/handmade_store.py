"""A store made by hand, without models: users and texts as nobody would wish them, and as many as wanted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from profilegen.records import (
    STANCES,
    Behaviour,
    BuildReport,
    BuiltWith,
    Claim,
    Document,
    Evidence,
    LeftOut,
    Segment,
    Sentence,
    UserProfile,
)
from profilegen.store.ledger import Changes, ClaimVector, Ledger, Membership, open_ledger

SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
HOSTILE_TEXTS = [
    SCRIPT,
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7}",
    "</textarea></title></style>'\"><svg/onload=alert(1)>",
    "javascript:alert(1) [x](javascript:alert(1)) ![](http://example.com/x.png) | a | b |",
    "\u202eright to left\u202c Z\u0351\u036b\u0343\u036a\u0302 \U0001f600 中文 עברית",
    "w" * 4_000,
    "Line one.\r\n\r\n- not a list\n# not a heading\n1. not a number",
]
HOSTILE_IDS = ["..", "a/b?c=d&e#f", "<b>bold</b>", "它们", "x" * 300, "new\nline", "'; DROP TABLE users; --"]
BUILT_WITH = BuiltWith(embedder="e", writer="w", verifier="v", prompt="p", summary="template")


def hostile_store(store: Path) -> Path:
    """Make a store whose every text is hostile, with a user of forty claims, a failed one and one without a claim."""
    users = [_user(user_id, HOSTILE_TEXTS[at % len(HOSTILE_TEXTS)]) for at, user_id in enumerate(HOSTILE_IDS)]
    users.append(_user("forty", "a text", claims=40))
    users.append(_user("failed", "a text", status="failed", reason=SCRIPT))
    users.append(_user("silent", "ok", status="insufficient", claims=0))
    segments = {"seg-1": [profile.user_id for profile, _ in users[:-1]], "seg-2": ["silent"]}
    write_store(store, users, segments, {"seg-1": SCRIPT, "seg-2": "中文" * 30})
    return store


def write_store(
    store: Path,
    users: list[tuple[UserProfile, list[Document]]],
    segments: dict[str, list[str]],
    names: dict[str, str],
) -> None:
    """Write what a build would have left, with vectors that mean nothing."""
    random = np.random.default_rng(1)
    vectors = {profile.user_id: random.normal(size=8).astype(np.float32) for profile, _ in users}
    with open_ledger(store, create=True) as ledger:
        ledger.stage(document for _, documents in users for document in documents)
        ledger.apply_staged(add=False)
        ledger.set_meta("embedder", {"name": "e", "sha256": "0", "source": "e"})
        ledger.put_document_vectors(
            (document.id, vectors[document.user_id], None) for _, documents in users for document in documents
        )
        ledger.put_users((profile.user_id, profile.language, "h", vectors[profile.user_id]) for profile, _ in users)
        ledger.put_profiles((profile, "h", _claim_vectors(profile, vectors[profile.user_id])) for profile, _ in users)
        ledger.put_memberships(
            Membership(user, id_, 0.9, False) for id_, members in segments.items() for user in members
        )
        ledger.put_points(list(vectors), random.normal(size=(len(vectors), 2)).astype(np.float32))
        ledger.put_segments(
            (
                Segment(
                    id=id_,
                    name=names[id_],
                    criterion=names[id_],
                    size=len(members),
                    language="en",
                    summary=names[id_],
                    keyphrases=(names[id_],),
                    members=tuple(members),
                    built_with=BUILT_WITH,
                ),
                "h",
                vectors[members[0]],
            )
            for id_, members in segments.items()
        )
        ledger.record_build(build_report(len(users), len(segments)))


def remove_users(ledger: Ledger, *user_ids: str) -> Changes:
    """Remove users as a build of files does that no longer name them."""
    ledger.stage([document for document in ledger.iter_documents() if document.user_id not in user_ids])
    return ledger.apply_staged(add=False)


def _user(
    user_id: str, text: str, *, claims: int = 2, status: str = "ok", reason: str | None = None
) -> tuple[UserProfile, list[Document]]:
    start = datetime(2024, 1, 5, tzinfo=UTC)
    documents = [
        Document(
            id=f"{user_id}-{number}",
            user_id=user_id,
            text=text,
            title=text[:80],
            item_title=text[:200],
            language="en",
            rating=number + 1,
            price=9.5,
            timestamp=start + timedelta(days=40 * number),
        )
        for number in range(3)
    ]
    quote = Evidence(document=documents[0].id, quote=text[:60], verdict=0.9)
    stated = tuple(
        Claim(
            text=f"{text[:90]} {number}",
            stance=STANCES[number % len(STANCES)],
            support=0.5,
            first="2024-01-05",
            last="2024-03-25",
            evidence=(quote,),
        )
        for number in range(claims)
    )
    profile = UserProfile.model_validate(
        {
            "user_id": user_id,
            "status": status,
            "reason": reason,
            "language": "en",
            "interests": stated,
            "summary": text if claims else "",
            "sentences": (Sentence(text=text, claims=(0,)),) if claims else (),
            "left_out": LeftOut(not_shown=2, contradicted=1, held_back=1),
            "behaviour": Behaviour(documents=3, first="2024-01-05", last="2024-03-25", mean_rating=2, spend=28.5),
            "built_with": BUILT_WITH,
        }
    )
    return profile, documents


def _claim_vectors(profile: UserProfile, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[ClaimVector]:
    return [
        ClaimVector(kind, at, claim.text, claim.support, vector)
        for at, (kind, claim) in enumerate(profile.iter_claims())
    ]


def build_report(users: int, segments: int) -> BuildReport:
    return BuildReport(
        documents=3 * users,
        users=users,
        ok=users,
        insufficient=0,
        failed=0,
        segments=segments,
        embedded=0,
        written=0,
        removed_users=0,
        duplicates=0,
        bad_lines=0,
        embedder="e",
        embedder_reason="r",
        writer="w",
        changed=True,
        seconds={},
    )

"""Figures of a finished store against labels and questions: python benchmarks/quality.py STORE DATA_FOLDER.

DATA_FOLDER holds labels.csv and, where there are questions, queries.jsonl. Everything is computed from what
`profilegen export` and `profilegen search` give.
"""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from profilegen import open_store
from profilegen.summaries import is_repetitive
from profilegen.text import language


def main(store_path: str, data: Path) -> None:
    labels = {row["user_id"]: row["label"] for row in csv.DictReader((data / "labels.csv").open(encoding="utf-8"))}
    with open_store(store_path) as store:
        users = list(store.users())
        texts = {document.id: document for document in store.documents()}
        claims = [(user, kind, claim) for user in users for kind, claim in user.claims()]
        quotes = [(user, evidence) for user, _, claim in claims for evidence in claim.evidence]
        verbatim = [
            evidence.quote in texts[evidence.document].text and texts[evidence.document].user_id == user.user_id
            for user, evidence in quotes
        ]
        told = [user for user in users if user.status == "ok"]
        many = [user for user in told if user.behaviour.documents >= 4]
        print("users", len(users), "of", len(labels), dict(Counter(user.status for user in users)))
        print("summaries by", dict(Counter(user.built_with.summary for user in users)))
        print("claims a user", round(len(claims) / len(users), 2), "quotes", len(quotes), "verbatim", mean(verbatim))
        print("at least three claims, of users with four documents", mean(n_claims(user) >= 3 for user in many))
        print(
            "interests on two documents",
            mean(len({e.document for e in claim.evidence}) > 1 for user in many for claim in user.interests),
        )
        print("summary repetitive", mean(is_repetitive(user.summary) for user in told), end=" ")
        print("cut off", mean(user.summary[-1:] not in (".", "。") for user in told))
        print("in the user's language", mean(language(user.summary) == user.language for user in told))
        print("languages", dict(Counter(user.language for user in users)))
        truth = [labels[user.user_id] for user in users if user.user_id in labels]
        found = [user.segment for user in users if user.user_id in labels]
        print("segments", len(set(found)), "nmi", round(normalized_mutual_info_score(truth, found), 4), end=" ")
        print("ari", round(adjusted_rand_score(truth, found), 4), end=" ")
        print("placed by hdbscan", mean(not user.segment_assigned for user in users))
        if (data / "queries.jsonl").exists():
            questions = [json.loads(line) for line in (data / "queries.jsonl").open(encoding="utf-8")]
            shares = []
            for question in questions:
                hits = store.search(question["query"], 10)
                shares.append(sum(labels[hit.user_id] in question["relevant"] for hit in hits) / 10)
                if shares[-1] < 0.6:
                    print(f"  {shares[-1]:.1f} {question['query']}")
            print("search p@10", mean(shares))


def n_claims(user) -> int:
    return len(list(user.claims()))


def mean(values) -> float:
    listed = [float(value) for value in values]
    return round(sum(listed) / max(len(listed), 1), 4)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

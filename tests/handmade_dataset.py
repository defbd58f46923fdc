"""Datasets made by hand, whose vectors count words in place of an embedder: what has no word in common has cosine 0."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from profilegen.evaluation.dataset import Dataset
from profilegen.records import Behaviour, BuiltWith, Claim, Document, Evidence, Segment, Sentence, UserProfile
from profilegen.vectors import Vectors, unit_rows

BUILT_WITH = BuiltWith(embedder="e", writer="w", verifier="v", prompt="p", summary="writer")


@dataclass(frozen=True)
class Person:
    """A user: texts, their ratings, claims as (stance, text, number of the text that shows it), and a segment."""

    texts: Sequence[str]
    claims: Sequence[tuple[str, str, int]] = ()
    ratings: Sequence[float | None] = ()
    support: float = 0.5
    sentences: Sequence[Sentence] = ()
    segment: str | None = None
    language: str = "en"


def count_words(texts: Sequence[str]) -> Vectors:
    """Return a vector of each text that counts its words, of length 1."""
    vectors = np.zeros((len(texts), 512), np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for word in text.lower().replace(".", " ").replace(",", " ").split() or [""]:
            vector[zlib.crc32(word.encode()) % 512] += 1
    return unit_rows(vectors) if len(texts) else vectors


def dataset_of(people: Mapping[str, Person], criteria: Mapping[str, str] | None = None) -> Dataset:
    """Return the dataset of some people; `criteria` are those of their segments."""
    names = sorted(people)
    documents = [_documents(name, people[name]) for name in names]
    text_vectors = count_words([document.text for own in documents for document in own])
    starts = np.cumsum([0, *(len(own) for own in documents)][:-1])
    segments = sorted({person.segment for person in people.values() if person.segment})
    return Dataset(
        users=tuple(_profile(name, people[name], own) for name, own in zip(names, documents, strict=True)),
        documents=tuple(tuple(own) for own in documents),
        text_vectors=text_vectors,
        item_vectors=np.zeros_like(text_vectors),
        starts=starts,
        user_vectors=unit_rows(np.add.reduceat(text_vectors, starts, axis=0)),
        segments=tuple(
            Segment(
                id=segment,
                name=segment,
                criterion=(criteria or {}).get(segment, ""),
                size=sum(person.segment == segment for person in people.values()),
                language="en",
                members=tuple(name for name in names if people[name].segment == segment),
                built_with=BUILT_WITH,
            )
            for segment in segments
        ),
        embed=count_words,
    )


def _documents(name: str, person: Person) -> list[Document]:
    ratings = [*person.ratings, *[None] * len(person.texts)]
    return [
        Document(id=f"{name}-{at}", user_id=name, text=text, language=person.language, rating=ratings[at])
        for at, text in enumerate(person.texts)
    ]


def _profile(name: str, person: Person, documents: Sequence[Document]) -> UserProfile:
    claims = tuple(
        Claim.model_validate(
            {
                "text": text,
                "stance": stance,
                "support": person.support,
                "evidence": [Evidence(document=documents[at].id, quote=documents[at].text)],
            }
        )
        for stance, text, at in person.claims
    )
    return UserProfile(
        user_id=name,
        status="ok",
        language=person.language,
        segment=person.segment,
        claims={"interest": claims},
        behaviour=Behaviour(documents=len(documents)),
        summary=" ".join(sentence.text for sentence in person.sentences),
        sentences=tuple(person.sentences),
        built_with=BUILT_WITH,
    )

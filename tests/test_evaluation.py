"""What the figures of `profilegen evaluate` say, and that they are as bad as what they measure."""

import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from typer.testing import CliRunner

from profilegen.cli import app
from profilegen.config import load_settings
from profilegen.errors import InputError, StoreError
from profilegen.evaluation import claims, evaluate, identify, judge, next_item, prose, save_evaluation
from profilegen.evaluation.agreement import Tables, codes, mean_pairwise
from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, read_dataset
from profilegen.evaluation.figures import Evaluation, Figure, Measured, SegmentFigures
from profilegen.evaluation.inputs import HeldOut, read_heldout, read_labels, read_questions
from profilegen.evaluation.ranking import chance, rank_of
from profilegen.evaluation.report import render, write_report
from profilegen.evaluation.segments import agreement
from profilegen.llama.catalog import ResolvedModel
from profilegen.llama.embedder import GgufEmbedder
from profilegen.llama.writer import GgufWriter
from profilegen.publish.export import export
from profilegen.records import Claim, UserProfile
from profilegen.store.ledger import open_ledger, write_lock
from profilegen.store.store import open_store
from profilegen.vectors import Vectors

# The groups that examples/README.md names: who is in each.
GROUPS = {
    "dogs": "grooming_gwen pug_in_2b rescue_rina tomek_k9 chewtoy_chris oldboy_walter maya_t laozhou_wangwang "
    "doudou_ma ajie_chaiquan li_na88",
    "coffee_and_baking": "pourover_pilar sourdough_sam decaf_dora bake_with_bea espresso_elias glutenfree_gareth "
    "nightshift_nadia zhoumo_tiandian kafei_xiaolin amei_hongbei mianbao_dawei",
    "running_and_hiking": "ridge_runner_ana backpack_bo dawn_patrol_dee wetfeet_fiona xiaomai_paoshan chengdu_atu "
    "qinzi_tubu_ma lao_lv_zhang slowmiles_ben hike_with_twins ultralight_uwe",
    "gardening": "houseplant_hugo yangtai_xiaoyu zhongcai_waipo duorou_mengmeng allotment_agnes balcony_bex "
    "pollinator_pete tomato_tony rosemary_hill lvluo_banzhu laochen_yuanzi",
    "games": "solo_sven dungeon_dmitri familygame_faye couchplay_kim coop_carl meeple_marta retro_ravi duli_youxi_lu "
    "zhuoyou_ahao qinzi_zhuoyou_ba shoubing_xiaoyi",
    "skin_care": "glow_grace chengfen_nvhai acne_andre threestep_theo retinol_ruth douji_aming minganji_xiaoqi "
    "fangshai_tutu kanglao_susu eczema_edie spf_sofia",
}
GROUP_OF = {user: group for group, users in GROUPS.items() for user in users.split()}
NEXT = {
    "dogs": "Dog Bed for Large Dogs",
    "coffee_and_baking": "Espresso Coffee Beans, 1 kg",
    "running_and_hiking": "Trail Running Shoes",
    "gardening": "Garden Plant Pots and Compost",
    "games": "Board Game for Four Players",
    "skin_care": "Face Cream with Sunscreen",
}
KINDS = ("interests", "values", "lifestyle")
QUESTIONS = [
    {"query": "people who own a dog", "relevant": ["dogs"]},
    {"query": "people who look after their skin", "relevant": ["skin_care"]},
    {"query": "people who read minds", "relevant": ["telepathy"]},
]


@dataclass(frozen=True)
class Sample:
    """A copy of the sample's store, and the files it is scored against."""

    store: Path
    labels: Path
    heldout: Path
    queries: Path


@pytest.fixture(scope="module")
def sample(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(sample_store, folder / "store")
    found = Sample(*(folder / name for name in ("store", "labels.csv", "heldout.jsonl", "queries.jsonl")))
    with found.labels.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("user_id", "label"), *GROUP_OF.items()])
    _write_lines(found.heldout, [{"user_id": user, "item_title": NEXT[group]} for user, group in GROUP_OF.items()])
    _write_lines(found.queries, QUESTIONS)
    return found


@pytest.fixture(scope="module")
def evaluation(sample: Sample) -> Evaluation:
    settings = load_settings(store=sample.store)
    return evaluate(settings, labels=sample.labels, heldout=sample.heldout, queries=sample.queries)


@pytest.fixture(scope="module")
def dataset(sample: Sample) -> Iterator[Dataset]:
    with open_ledger(sample.store, read_only=True) as ledger, open_store(sample.store) as store:
        yield read_dataset(ledger, store.embed)


def test_all_figures_of_a_good_store_are_there_and_good(evaluation: Evaluation) -> None:
    values = {figure.name: figure.value for figure in evaluation.figures}
    assert values["coverage.profile"] == pytest.approx(66 / 68, abs=1e-3)
    assert values["coverage.segment"] == 1
    assert values["segments.nmi"] > 0.9
    assert values["segments.purity"] > 0.9
    assert values["segments.stability"] > 0.8
    assert values["claims.verbatim"] == 1
    assert values["claims.own.interests"] > 0.9
    assert values["claims.distinct"] > 0.9
    assert values["text.degenerate"] == values["text.truncated"] == 0
    assert values["text.language"] > 0.9
    assert values["identify.hit10"] > 0.9
    assert values["next.texts.hit1"] > 0.5
    assert values["search.p10"] > 0.5
    expected = {"segments.ari", "segments.stability.subsamples", "segments.naming", "claims.support", "claims.per_user"}
    expected |= {"claims.three", "claims.breadth", "claims.own", "identify.hit1", "identify.mrr", "search.ndcg10"}
    expected |= {f"next.{s}.{m}" for s in ("profile", "texts", "all") for m in ("hit1", "hit10", "mrr", "ndcg10")}
    assert expected | {"next.all.hit10 - next.texts.hit10"} <= set(values)


def test_a_figure_that_cannot_be_had_is_named_with_the_reason(evaluation: Evaluation) -> None:
    left_out = {row.name: row.reason for row in evaluation.left_out}
    assert left_out["claims.labels"] == "no user has several labels"


def test_a_question_that_no_user_answers_is_not_scored(evaluation: Evaluation) -> None:
    assert [row.query for row in evaluation.questions] == [row["query"] for row in QUESTIONS[:2]]


def test_every_segment_has_a_stability_and_its_label(evaluation: Evaluation) -> None:
    assert len(evaluation.segments) > 1
    assert {row.label for row in evaluation.segments} <= set(GROUPS)
    assert all(row.stability is not None and 0 < row.stability <= 1 for row in evaluation.segments)


def test_figures_are_what_the_export_and_the_embedder_give(
    sample: Sample, dataset: Dataset, evaluation: Evaluation, models: dict[str, ResolvedModel], tmp_path: Path
) -> None:
    """Everything as docs/evaluation.md defines it, from exported files and nothing of profilegen's figures."""
    with open_store(sample.store) as store:
        export(store, "users", "jsonl", tmp_path / "users")
        export(store, "documents", "jsonl", tmp_path / "documents")
    users = [json.loads(line) for line in (tmp_path / "users").read_text("utf-8").splitlines()]
    documents = [json.loads(line) for line in (tmp_path / "documents").read_text("utf-8").splitlines()]
    with GgufEmbedder(models[evaluation.embedder], workers=1) as embedder:
        vectors = _document_vectors(documents, embedder)
        figures = _recomputed(users, [document["user_id"] for document in documents], vectors, embedder)
    # The sample is so easy that its figures hardly depend on how vectors are made, so these are compared themselves.
    row_of = {document["id"]: row for row, document in enumerate(documents)}
    rows = [row_of[document.id] for some in dataset.documents for document in some]
    # What is embedded together differs here, and with it the last bits.
    np.testing.assert_allclose(vectors[rows], dataset.document_vectors, atol=4e-3)
    for name, value in figures.items():
        assert evaluation.figure(name).value == pytest.approx(value, abs=1e-4), name


# That the figures are as bad as what they measure


def test_profiles_given_to_the_wrong_users_identify_nobody(dataset: Dataset) -> None:
    right, wrong = (_values(identify.measure(some)) for some in (dataset, _shuffled(dataset)))
    assert right["identify.hit1"] > 0.6
    assert wrong["identify.hit1"] < 0.1
    assert wrong["identify.mrr"] < 0.2


def test_claims_given_to_the_wrong_users_are_their_own_by_chance_only(dataset: Dataset) -> None:
    shuffled = _shuffled(dataset)
    right = _values(claims.specificity(dataset, claims.embed_claims(dataset)))["claims.own"]
    wrong = _values(claims.specificity(shuffled, claims.embed_claims(shuffled)))["claims.own"]
    assert right > 0.9
    assert 0.35 < wrong < 0.65


def test_each_invented_quote_lowers_the_share_of_quotes_found(dataset: Dataset) -> None:
    total = sum(len(claim.evidence) for user in dataset.users for _, claim in user.iter_claims())
    users = list(dataset.users)
    at = next(row for row, user in enumerate(users) if user.interests)
    users[at] = _misquoted(users[at])
    invented = len(users[at].interests[0].evidence)
    values = _values(claims.measure(replace(dataset, users=tuple(users))))
    assert values["claims.verbatim"] == pytest.approx(1 - invented / total, abs=1e-4)


def test_a_quote_from_another_users_document_is_not_found(dataset: Dataset) -> None:
    shuffled = _values(claims.measure(_shuffled(dataset)))
    assert shuffled["claims.verbatim"] == 0


def test_a_claim_said_twice_lowers_distinctness(dataset: Dataset) -> None:
    users = tuple(
        user.with_claims({"interest": user.interests[:1] * 2, "value": (), "lifestyle": ()})
        for user in dataset.users
        if user.interests
    )
    told = claims.embed_claims(replace(dataset, users=users))
    assert _values([claims.distinctness(told)])["claims.distinct"] == 0.5


def test_repetition_and_a_cut_off_end_and_the_wrong_language_are_counted(dataset: Dataset) -> None:
    bad = {
        "maya_t": "Buys a good dog lead and a good dog lead and a good dog lead and a good dog lead.",
        "tomek_k9": "Looks for dog treats and",
        "oldboy_walter": "这位用户喜欢狗，经常购买狗粮和玩具，也很关心狗的健康。",
    }
    users = tuple(user.model_copy(update={"summary": bad.get(user.user_id, user.summary)}) for user in dataset.users)
    before, after = (_values(prose.measure(some)) for some in (dataset, replace(dataset, users=users)))
    one = pytest.approx(1 / 66, abs=1e-3)
    assert after["text.degenerate"] - before["text.degenerate"] == one
    assert after["text.truncated"] - before["text.truncated"] == one
    assert before["text.language"] - after["text.language"] == one


def test_items_that_others_took_next_are_ranked_no_better_than_by_chance(dataset: Dataset) -> None:
    groups = list(NEXT)
    wrong = {group: NEXT[groups[at - 1]] for at, group in enumerate(groups)}
    swapped = [HeldOut(user_id=user, item_title=wrong[group]) for user, group in GROUP_OF.items()]
    assert _values(next_item.measure(dataset, swapped, {}))["next.all.hit1"] < 1 / 6


def test_a_random_clustering_agrees_with_nothing() -> None:
    random = np.random.default_rng(1)
    values = _values(agreement(random.integers(0, 6, 3000), random.integers(0, 6, 3000)))
    assert values["segments.nmi"] < 0.02
    assert abs(values["segments.ari"]) < 0.02
    assert values["segments.purity"] < 0.25


def test_random_clusterings_are_not_stable() -> None:
    random = np.random.default_rng(1)
    everybody = [np.ones(500, np.bool_)] * 3
    clusterings = [random.integers(0, 8, 500) for _ in everybody]
    assert abs(mean_pairwise(clusterings, everybody)(np.ones((1, 500)))[0]) < 0.02


# What chance gives


def test_the_chance_level_of_a_rank_is_the_mean_over_all_ranks() -> None:
    assert chance("hit10", 40) == 0.25
    assert chance("hit10", 7) == 1
    assert chance("mrr", 4) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_profiles_given_to_the_wrong_users_identify_as_many_as_the_chance_level_says(dataset: Dataset) -> None:
    figures = {figure.name: figure for figure in identify.measure(_shuffled(dataset)) if isinstance(figure, Figure)}
    hit10 = figures["identify.hit10"]
    assert hit10.chance == pytest.approx(10 / 68, abs=1e-4)
    assert hit10.low < 10 / 68 < hit10.high


def test_a_random_clustering_agrees_with_labels_as_much_as_the_chance_level_says() -> None:
    random = np.random.default_rng(1)
    for figure in agreement(random.integers(0, 6, 200), random.integers(0, 9, 200)):
        assert isinstance(figure, Figure)
        assert figure.value == pytest.approx(figure.chance, abs=0.04), figure.name


def test_next_items_have_a_chance_level_of_guessing_among_those_of_the_same_label(dataset: Dataset) -> None:
    items = [HeldOut(user_id=user, item_title=f"{NEXT[group]} for {user}") for user, group in GROUP_OF.items()]
    labels = {user: (group,) for user, group in GROUP_OF.items()}
    for known, expected in ((labels, len(GROUPS) / len(GROUP_OF)), ({}, 1 / len(GROUP_OF))):
        hit1 = next(row for row in next_item.measure(dataset, items, known) if row.name == "next.texts.hit1")
        assert isinstance(hit1, Figure)
        assert hit1.chance == pytest.approx(expected, abs=1e-4)


def test_the_chance_level_of_a_search_is_the_share_of_relevant_users(evaluation: Evaluation) -> None:
    relevant = [sum(group == name for group in GROUP_OF.values()) for name in ("dogs", "skin_care")]
    assert evaluation.figure("search.p10").chance == pytest.approx(np.mean(relevant) / 68, abs=1e-4)


def test_a_figure_that_holds_by_construction_is_a_check(evaluation: Evaluation) -> None:
    checks = {figure.name for figure in evaluation.figures if figure.check}
    assert checks == {"claims.verbatim", "text.degenerate", "text.truncated"}


# How values and intervals are computed


def test_weighted_agreement_is_that_of_scikit_learn_with_users_repeated() -> None:
    random = np.random.default_rng(2)
    truth, found = random.integers(0, 5, 80), random.integers(0, 7, 80)
    found[:40] = truth[:40]
    weights = random.multinomial(80, np.full(80, 1 / 80), size=5)
    weighted = weights.astype(np.float64)
    tables = Tables(truth, found)
    for row, nmi, ari in zip(weights, tables.nmi(weighted), tables.ari(weighted), strict=True):
        repeated = np.repeat(truth, row), np.repeat(found, row)
        assert nmi == pytest.approx(metrics.normalized_mutual_info_score(*repeated))
        assert ari == pytest.approx(metrics.adjusted_rand_score(*repeated))


def test_purity_is_the_share_of_users_with_the_label_of_most_of_their_cluster() -> None:
    tables = Tables(codes(["a", "a", "b", "b", "b"]), codes([1, 1, 1, 2, 2]))
    assert tables.purity(np.ones((1, 5)))[0] == pytest.approx(0.8)


def test_an_interval_is_as_wide_as_the_spread_of_a_mean() -> None:
    values = np.random.default_rng(3).random(400)
    figure = share("some", values, np.ones(400), reason="")
    assert isinstance(figure, Figure)
    assert figure.low < figure.value < figure.high
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)


def test_candidates_that_tie_share_the_mean_of_their_places() -> None:
    assert rank_of(np.array([0.5, 0.9, 0.5, 0.1], np.float32), 0) == 2.5


# The judge


def test_a_judge_gives_each_profile_three_grades_from_one_to_five(
    dataset: Dataset, models: dict[str, ResolvedModel]
) -> None:
    """The default writer stands in for a larger model: that there are grades, not what they are worth."""
    english = [row for row, user in enumerate(dataset.users) if user.language == "en" and user.status == "ok"][:4]
    few = replace(
        dataset,
        users=tuple(dataset.users[row] for row in english),
        documents=tuple(dataset.documents[row] for row in english),
    )
    writer = next(model for model in models.values() if model.job == "writer")
    grader = GgufWriter(writer, judge.judge_options(workers=1))
    figures = judge.measure(few, grader, progress=lambda stage, done, total: None)
    assert [figure.name for figure in figures] == ["judge.faithfulness", "judge.specificity", "judge.readability"]
    assert all(isinstance(figure, Figure) and figure.n == 4 and 1 <= figure.value <= 5 for figure in figures)


# Files, store and command


def test_labels_in_one_cell_are_joined_with_a_bar(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("user_id,label\nu1,dogs|games\n", "utf-8")
    assert read_labels(tmp_path / "labels.csv") == {"u1": ("dogs", "games")}


@pytest.mark.parametrize(
    ("read", "content", "said"),
    [
        (read_labels, b"user,label\nu1,dogs\n", "needs the columns user_id and label"),
        (read_labels, b"\xff\xfe\x00", "UTF-8"),
        (read_heldout, b'{"user_id": 3, "item_title": "x"}\n', ":1: needs user_id and item_title"),
        (read_questions, b'{"query": "q", "relevant": ["a"]}\nnot json\n', ":2: not JSON"),
        (read_questions, b'{"query": "q", "relevant": "a"}\n', ":1: needs query as text and relevant as a list"),
    ],
)
def test_a_broken_file_is_named_with_what_it_lacks(tmp_path: Path, read: object, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert callable(read)
    with pytest.raises(InputError, match=said):
        read(tmp_path / "file")


def test_labels_of_other_users_are_refused(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("user_id,label\nstranger,dogs\n", "utf-8")
    with pytest.raises(InputError, match="labels no user of the store"):
        evaluate(load_settings(store=sample.store), labels=tmp_path / "labels.csv", quick=True)


def test_an_evaluation_of_a_store_that_has_changed_since_is_not_saved(sample: Sample, evaluation: Evaluation) -> None:
    old = evaluation.model_copy(update={"revision": "another"})
    with pytest.raises(StoreError, match="has changed while it was evaluated"):
        save_evaluation(old, sample.store)


def test_the_command_prints_the_same_figures_again_writes_a_report_and_saves_them_in_the_store(
    sample: Sample, evaluation: Evaluation, tmp_path: Path
) -> None:
    done = CliRunner().invoke(
        app, ["evaluate", "--store", str(sample.store), "--quick", "--json", "--report", str(tmp_path / "report")]
    )
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    names = [figure["name"] for figure in printed["figures"]]
    assert "identify.hit1" in names
    assert [evaluation.figure(name).model_dump() for name in names] == printed["figures"]
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.md", "report.html", "evaluation.json"}
    with open_ledger(sample.store, read_only=True) as ledger:
        assert [figure["name"] for figure in ledger.get_meta("evaluation")["figures"]] == names


def test_a_store_that_is_being_written_is_not_evaluated(sample: Sample) -> None:
    with write_lock(sample.store):
        done = CliRunner().invoke(app, ["evaluate", "--store", str(sample.store), "--quick"])
    assert isinstance(done.exception, StoreError)
    assert not done.stdout


def test_a_report_shows_chance_beside_each_figure_and_checks_apart() -> None:
    figures = (
        Figure(name="identify.hit1", value=0.75, low=0.625, high=0.875, n=8, chance=0.125),
        Figure(name="claims.verbatim", value=1, low=1, high=1, n=8, check=True),
    )
    evaluation = Evaluation(
        store="s", revision="r", embedder="e", writers={}, users=8, documents=8, figures=figures, seconds=1
    )
    text, page = render(evaluation, "report.md"), render(evaluation, "report.html")
    assert "| `identify.hit1` | 0.750 | 0.625 | 0.875 | 0.125 | 8 users |" in text
    assert text.index("## Checks") < text.index("claims.verbatim")
    assert ">0.125<" in page


def test_texts_in_a_report_are_never_markup() -> None:
    name = '<img src=x onerror="alert(1)"> | [a](javascript:b) {{ 7 * 7 }}'
    hostile = Evaluation(
        store=name,
        revision="r",
        embedder="e",
        writers={"w": 1},
        users=1,
        documents=1,
        figures=(Figure(name="coverage.profile", value=1, low=1, high=1, n=1),),
        segments=(SegmentFigures(id="seg-1", name=name, size=1, assigned=0, stability=0.5, label=name),),
        seconds=1,
    )
    page, text = render(hostile, "report.html"), render(hostile, "report.md")
    assert "<img" not in page
    assert "49" not in page
    assert r"\<img" in text
    assert r"\| \[a\]\(javascript" in text


@pytest.mark.parametrize(("private", "modes"), [(True, (0o700, 0o600)), (False, (0o777, 0o666))])
def test_a_report_in_a_store_is_for_its_owner_alone_and_one_elsewhere_follows_the_umask(
    tmp_path: Path, private: bool, modes: tuple[int, int]
) -> None:
    evaluation = Evaluation(
        store="s", revision="r", embedder="e", writers={}, users=1, documents=1, figures=(), seconds=1
    )
    before = os.umask(0)
    try:
        paths = write_report(evaluation, tmp_path / "report", private=private)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in paths} == {modes[1]}
    assert (tmp_path / "report").stat().st_mode & 0o777 == modes[0]


def _write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _values(figures: list[Measured]) -> dict[str, float]:
    return {figure.name: figure.value for figure in figures if isinstance(figure, Figure)}


def _document_vectors(documents: Sequence[Mapping[str, Any]], embedder: GgufEmbedder) -> Vectors:
    texts = embedder.embed([f"{d['title']}. {d['text']}" if d["title"] else d["text"] for d in documents])
    items = embedder.embed([d["item_title"] or "" for d in documents])
    items[[not d["item_title"] for d in documents]] = 0
    return _unit(texts + 3 * items)


def _recomputed(
    users: Sequence[Mapping[str, Any]], owners: Sequence[str], vectors: Vectors, embedder: GgufEmbedder
) -> dict[str, float]:
    """Compute figures from exported users, and the owners and vectors of the documents."""
    claims_of = [[claim["text"] for kind in KINDS for claim in user[kind]] for user in users]
    texts = sorted({claim for claims in claims_of for claim in claims})
    vector_of = dict(zip(texts, embedder.embed(texts), strict=True))
    profiles = embedder.embed(
        [" ".join([u["summary"], *(f"{claim}." for claim in said)]) for u, said in zip(users, claims_of, strict=True)]
    )
    documents_of = [vectors[[owner == user["user_id"] for owner in owners]] for user in users]
    means = _unit(np.stack([some.mean(axis=0) for some in documents_of]))
    segments = np.array([user["segment"] for user in users])
    ranks, wins = [], []
    for at, user in enumerate(users):
        if user["status"] == "ok":
            scores = means @ profiles[at]
            ranks.append(1 + np.count_nonzero(scores > scores[at]))
        if claims_of[at]:
            claims_at = np.stack([vector_of[claim] for claim in claims_of[at]])
            nearest = np.stack([(claims_at @ some.T).max(axis=1) for some in documents_of], axis=1)
            wins += list((nearest[:, segments != segments[at]] < nearest[:, [at]]).mean(axis=1))
    return {
        "identify.hit1": float(np.mean(np.array(ranks) == 1)),
        "identify.mrr": float(np.mean(1 / np.array(ranks))),
        "claims.own": float(np.mean(wins)),
    }


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _shuffled(dataset: Dataset) -> Dataset:
    """Give each user who has a profile what is said of another, by chance."""
    rows = [row for row, user in enumerate(dataset.users) if user.status == "ok"]
    order = np.random.default_rng(4).permutation(len(rows))
    users = list(dataset.users)
    for at, other in zip(np.roll(order, 1), order, strict=True):  # nobody keeps their own
        said = dataset.users[rows[other]]
        users[rows[at]] = users[rows[at]].model_copy(
            update={name: getattr(said, name) for name in ("claims", "summary")}
        )
    return replace(dataset, users=tuple(users))


def _misquoted(user: UserProfile) -> UserProfile:
    first = user.interests[0]
    evidence = tuple(row.model_copy(update={"quote": "I never wrote this"}) for row in first.evidence)
    claim: Claim = first.model_copy(update={"evidence": evidence})
    return user.with_claims({"interest": (claim, *user.interests[1:])})

"""What `profilegen evaluate` says of a store, reads, prints and writes."""

import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from profilegen.cli import app
from profilegen.config import load_settings
from profilegen.errors import InputError, StoreError
from profilegen.evaluation import evaluate, identify, next_item, save_evaluation, statements
from profilegen.evaluation.dataset import Dataset, read_dataset
from profilegen.evaluation.figures import Evaluation, Figure, Measured, SegmentFigures, SupportBin
from profilegen.evaluation.inputs import (
    HeldOut,
    Judgement,
    read_heldout,
    read_judgements,
    read_labels,
    read_questions,
    read_truth,
)
from profilegen.evaluation.judged import claim_text
from profilegen.evaluation.report import render, write_report
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
QUESTIONS = [
    {"query": "people who own a dog", "relevant": ["dogs"]},
    {"query": "people who look after their skin", "relevant": ["skin_care"]},
    {"query": "people who read minds", "relevant": ["telepathy"]},
]


_FILES = ("store", "labels.csv", "heldout.jsonl", "queries.jsonl", "truth.jsonl", "judgements.jsonl")


@dataclass(frozen=True)
class Sample:
    """A copy of the sample's store, and the files it is scored against."""

    store: Path
    labels: Path
    heldout: Path
    queries: Path
    truth: Path
    judgements: Path


@pytest.fixture(scope="module")
def sample(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(sample_store, folder / "store")
    found = Sample(*(folder / name for name in _FILES))
    with found.labels.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("user_id", "label"), *GROUP_OF.items()])
    _write_lines(found.heldout, [{"user_id": user, "item_title": NEXT[group]} for user, group in GROUP_OF.items()])
    _write_lines(found.queries, QUESTIONS)
    with open_store(found.store) as store:
        users = {user.user_id: user for user in store.users()}
    own = {name: claim.text for name, user in users.items() for _, claim in list(user.iter_claims())[:1]}
    _write_lines(found.truth, [{"user_id": name, "persona": [text, "flies to the moon"]} for name, text in own.items()])
    read = [(user, claim) for user in users.values() for _, claim in user.iter_claims()][:20]
    _write_lines(
        found.judgements,
        [
            {
                "user_id": user.user_id,
                "text": claim.evidence[0].quote,
                "claim": claim_text(claim, user),
                "holds": at > 4,
            }
            for at, (user, claim) in enumerate(read)
        ],
    )
    return found


@pytest.fixture(scope="module")
def evaluation(sample: Sample) -> Evaluation:
    # With the size given, a clustering takes a tenth of the time, and there are ten.
    settings = load_settings(store=sample.store, min_cluster_size=5)
    return evaluate(
        settings,
        labels=sample.labels,
        heldout=sample.heldout,
        queries=sample.queries,
        truth_file=sample.truth,
        judgements=sample.judgements,
    )


@pytest.fixture(scope="module")
def dataset(sample: Sample) -> Iterator[Dataset]:
    with open_ledger(sample.store, read_only=True) as ledger, open_store(sample.store) as store:
        yield read_dataset(ledger, store.embed)


@pytest.fixture(scope="module")
def english(dataset: Dataset) -> Dataset:
    """Give the users who write English, of whom the default models make profiles."""
    rows = [row for row, user in enumerate(dataset.users) if user.language == "en"]
    counts = [len(dataset.documents[row]) for row in rows]

    def part(vectors: Vectors) -> Vectors:
        return np.concatenate([dataset.rows_of_user(vectors, row) for row in rows])

    return replace(
        dataset,
        users=tuple(dataset.users[row] for row in rows),
        documents=tuple(dataset.documents[row] for row in rows),
        text_vectors=part(dataset.text_vectors),
        item_vectors=part(dataset.item_vectors),
        starts=np.cumsum([0, *counts[:-1]]),
        user_vectors=dataset.user_vectors[rows],
    )


# --- the sample


def test_figures_of_the_sample_are_far_above_chance(evaluation: Evaluation) -> None:
    for name in ("identify.hit10", "segments.nmi", "search.p10", "claims.right"):
        figure = evaluation.figure(name)
        assert figure.chance is not None
        assert figure.low > figure.chance, name
        assert figure.plain is not None, name


def test_a_sentence_that_a_claim_repeats_is_found_and_one_of_nobody_is_missed(evaluation: Evaluation) -> None:
    assert evaluation.figure("claims.missed").value == pytest.approx(0.5, abs=0.05)


def test_claims_that_a_person_has_read_give_their_share_and_the_calibration(evaluation: Evaluation) -> None:
    assert evaluation.figure("claims.shown.read").value == 0.75
    assert sum(row.claims for row in evaluation.reliability) == evaluation.figure("support.brier").n == 20


def test_a_figure_that_cannot_be_had_is_named_with_the_reason(evaluation: Evaluation) -> None:
    names = {figure.name for figure in evaluation.figures}
    for row in evaluation.left_out:
        assert row.reason
        assert row.name not in names


def test_a_question_that_no_user_answers_is_not_scored(evaluation: Evaluation) -> None:
    assert [row.query for row in evaluation.questions] == [row["query"] for row in QUESTIONS[:2]]


def test_search_is_scored_by_the_first_ten_users_and_beside_it_those_with_the_nearest_vectors(
    sample: Sample, dataset: Dataset, evaluation: Evaluation
) -> None:
    precisions, plain = [], []
    ids = np.array([user.user_id for user in dataset.users])
    with open_store(sample.store) as store:
        for question, group in zip(QUESTIONS, ("dogs", "skin_care"), strict=False):
            hits = [hit.user_id for hit in store.search(str(question["query"]), 10)]
            precisions.append(np.mean([GROUP_OF.get(user) == group for user in hits]))
            cosines = dataset.user_vectors @ store.embed([str(question["query"])], queries=True)[0]
            plain.append(np.mean([GROUP_OF.get(user) == group for user in ids[np.argsort(-cosines)[:10]]]))
    assert evaluation.figure("search.p10").value == pytest.approx(np.mean(precisions), abs=1e-4)
    assert evaluation.figure("search.p10").plain == pytest.approx(np.mean(plain), abs=1e-4)
    relevant = [sum(group == name for group in GROUP_OF.values()) for name in ("dogs", "skin_care")]
    assert evaluation.figure("search.p10").chance == pytest.approx(np.mean(relevant) / 68, abs=1e-4)


def test_every_segment_has_a_stability_and_its_label(evaluation: Evaluation) -> None:
    assert len(evaluation.segments) > 1
    assert {row.label for row in evaluation.segments} <= set(GROUPS)
    assert all(row.stability is not None and 0 < row.stability <= 1 for row in evaluation.segments)


def test_every_quote_stands_word_for_word_in_the_document_that_it_names(dataset: Dataset) -> None:
    for user, documents in zip(dataset.users, dataset.documents, strict=True):
        words = {row.id: "\n".join(filter(None, (row.text, row.title, row.item_title))) for row in documents}
        for _, claim in user.iter_claims():
            assert claim.evidence
            for row in claim.evidence:
                assert row.quote.strip()
                assert row.quote in words[row.document]


def test_no_summary_repeats_itself_or_stops_before_the_end_of_a_sentence(dataset: Dataset) -> None:
    for user in dataset.users:
        if user.status == "ok":
            assert user.summary.rstrip("\"'”’)]」』）》 ").endswith((".", "!", "?", "…", "。", "！", "？"))
            words = user.summary.lower().split() if user.language == "en" else list(user.summary)
            size = 4 if user.language == "en" else 8
            runs = [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
            assert all(runs.count(run) < 3 for run in runs)


# --- that figures are as bad as what they measure


def test_profiles_given_to_the_wrong_users_identify_as_many_as_the_chance_level_says(english: Dataset) -> None:
    plain = statements.of_key_phrases(english)
    right, wrong = (_figures(identify.measure(some, plain))["identify.hit10"] for some in (english, _shuffled(english)))
    assert wrong.chance == pytest.approx(10 / len(english.users), abs=1e-4)
    assert wrong.chance is not None
    assert wrong.low < wrong.chance < wrong.high < right.low


def test_items_that_others_took_next_are_ranked_no_better_than_by_chance(dataset: Dataset) -> None:
    groups = list(NEXT)
    wrong = {group: NEXT[groups[at - 1]] for at, group in enumerate(groups)}
    swapped = [HeldOut(user_id=user, item_title=wrong[group]) for user, group in GROUP_OF.items()]
    assert _figures(next_item.measure(dataset, swapped, {}))["next.all.hit1"].value < 1 / 6


def test_next_items_have_a_chance_level_of_guessing_among_those_of_the_same_label(dataset: Dataset) -> None:
    items = [HeldOut(user_id=user, item_title=f"{NEXT[group]} for {user}") for user, group in GROUP_OF.items()]
    labels = {user: (group,) for user, group in GROUP_OF.items()}
    for known, expected in ((labels, len(GROUPS) / len(GROUP_OF)), ({}, 1 / len(GROUP_OF))):
        hit1 = _figures(next_item.measure(dataset, items, known))["next.texts.hit1"]
        assert hit1.chance == pytest.approx(expected, abs=1e-4)


# --- files, store and command


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
        (read_truth, b'{"user_id": "u", "persona": "I sing."}\n', ":1: needs user_id as text and persona as a list"),
        (
            read_judgements,
            b'{"text": "t", "claim": "c", "holds": "yes"}\n',
            ":1: needs text and claim as text, and holds",
        ),
    ],
)
def test_a_broken_file_is_named_with_what_it_lacks(tmp_path: Path, read: object, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert callable(read)
    with pytest.raises(InputError, match=said):
        read(tmp_path / "file")


def test_a_claim_that_nobody_has_read_yet_is_passed_over(tmp_path: Path) -> None:
    lines = [{"text": "t", "claim": "c", "holds": holds} for holds in (True, None)]
    _write_lines(tmp_path / "read.jsonl", [*lines, {"text": "t", "claim": "c"}])
    assert read_judgements(tmp_path / "read.jsonl") == [Judgement(text="t", claim="c", holds=True)]


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
    assert evaluation.figure("identify.hit1").model_dump() in printed["figures"]
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.md", "report.html", "evaluation.json"}
    with open_ledger(sample.store, read_only=True) as ledger:
        assert [figure["name"] for figure in ledger.get_meta("evaluation")["figures"]] == names


def test_a_store_that_is_being_written_is_not_evaluated(sample: Sample) -> None:
    with write_lock(sample.store):
        done = CliRunner().invoke(app, ["evaluate", "--store", str(sample.store), "--quick"])
    assert isinstance(done.exception, StoreError)
    assert not done.stdout


def test_a_report_shows_chance_plain_method_and_data_beside_each_figure() -> None:
    figure = Figure(
        name="search.p10", value=0.75, low=0.625, high=0.875, n=8, chance=0.125, plain=0.5, chosen_on="some | data"
    )
    evaluation = Evaluation(
        store="s",
        revision="r",
        embedder="e",
        writers={},
        users=8,
        documents=8,
        figures=(figure,),
        reliability=(SupportBin(low=0.8, high=1, claims=7, support=0.9, true=0.625),),
        seconds=1,
    )
    text, page = render(evaluation, "report.md"), render(evaluation, "report.html")
    assert "| `search.p10` | 0.750 | 0.625 | 0.875 | 0.125 | 0.500 | 8 users | some \\| data |" in text
    assert "| 0.8 to 1.0 | 7 | 0.900 | 0.625 |" in text
    assert ">0.125<" in page
    assert ">0.500<" in page
    assert ">some | data<" in page


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


def _figures(figures: list[Measured]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures if isinstance(figure, Figure)}


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

"""No name and no text from outside acts on the terminal: what is printed holds no control character but line breaks."""

import json
import logging
import re
import unicodedata
from pathlib import Path

import pytest
from handmade_store import BUILT_WITH, write_store
from test_cli import Done, on_terminal, profilegen_

import profilegen
from profilegen.publish.output import printable_lines
from profilegen.records import Behaviour, Claim, Document, Evidence, Sentence, UserProfile

# A window title, clearing the screen, C1 controls, going back over what stands there, a text turned round, Rich markup.
ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\x08\x7f\u202egnp.\u2066 [bold red]"
DIRECTION_MARKS = {*map(chr, [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])}
SGR = re.compile(r"\x1b\[[\d;]*m")


def acting(text: str) -> set[str]:
    """Return the characters of a text that act on a terminal, besides line breaks."""
    controls = {character for character in text if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}}
    return controls.union(set(text) & DIRECTION_MARKS) - {"\n"}


@pytest.fixture(scope="module")
def raw_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with the attack in every text, as if no file had been cleaned when it was read."""
    document = Document(
        id="d1", user_id=f"u{ATTACK}", text=ATTACK, title=ATTACK, item_title=f"{ATTACK}[/nothing]", language="en"
    )
    quote = Evidence(document="d1", quote=ATTACK)
    claim = Claim(text=f"{ATTACK}[/nothing]", stance="dislikes", support=0.5, first=ATTACK, evidence=(quote,))
    profile = UserProfile(
        user_id=document.user_id,
        status="failed",
        reason=ATTACK,
        language="en",
        segment="seg-1",
        claims={"interest": (claim,)},
        behaviour=Behaviour(documents=1, first=ATTACK, last=ATTACK),
        summary=ATTACK,
        sentences=(Sentence(text=ATTACK, claims=(0,)),),
        built_with=BUILT_WITH.model_copy(update={"summary": "mixed"}),
    )
    store = tmp_path_factory.mktemp("raw") / "store"
    write_store(store, [(profile, [document])], {"seg-1": [document.user_id]}, {"seg-1": ATTACK})
    return store


READING = [
    ("show", f"u{ATTACK}"),
    ("show", f"u{ATTACK}", "--format", "md"),
    ("show", "seg-1"),
    ("show", "seg-1", "--format", "html"),
    ("show", f"u{ATTACK}", "--json"),
    ("segments",),
    ("segments", "--json"),
    ("export", "documents", "--format", "csv"),
    ("export", "users"),
    ("export", "report", "--format", "md"),
]


@pytest.mark.parametrize("args", READING, ids=range(len(READING)))
def test_on_a_terminal_nothing_that_a_store_holds_acts_on_it(
    args: tuple[str, ...], raw_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILEGEN_MIN_SEGMENT_USERS", "1")
    printed = SGR.sub("", on_terminal(*args, "--store", str(raw_store), columns=100, raw=True)).replace("\r\n", "\n")
    assert acting(printed) == set()
    assert "]0;owned" in re.sub(r"\s", "", printed)  # It is there, and shown.


@pytest.mark.parametrize("args", [args for args in READING if "--format" not in args and args[0] != "export"])
def test_in_a_pipe_nothing_that_a_store_holds_acts_on_a_terminal(args: tuple[str, ...], raw_store: Path) -> None:
    done = profilegen_(*args, "--store", raw_store)
    assert (done.returncode, acting(done.stdout), done.stderr) == (0, set(), "")


def test_markup_in_a_text_is_text(raw_store: Path) -> None:
    assert "[bold red][/nothing]" in profilegen_("show", f"u{ATTACK}", "--store", raw_store).stdout


def test_json_decodes_to_what_the_store_holds(raw_store: Path) -> None:
    printed = profilegen_("show", f"u{ATTACK}", "--json", "--store", raw_store).stdout
    assert json.loads(printed)["interests"][0]["text"] == f"{ATTACK}[/nothing]"


def test_an_export_into_a_pipe_holds_each_text_exactly(raw_store: Path) -> None:
    exported = profilegen_("export", "documents", "--store", raw_store).stdout
    assert json.loads(exported)["text"] == ATTACK


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """Return a directory where hostile files were built into a store, and what the build printed."""
    folder = tmp_path_factory.mktemp("built")
    texts = [
        "I walk my dog in the park.",
        "My dog loves dog treats.",
        "A garden needs water.",
        "Garden tools, tomatoes.",
    ]
    rows = [
        {
            "user_id": f"{name} [bold red]",
            "text": f"{text} {ATTACK}",
            "title": ATTACK,
            "item_title": f"Dog leash {ATTACK}",
        }
        for name in ("ann", "bob", "cat")
        for text in texts
    ]
    bad = [{"user_id": ATTACK, "text": "words"}]
    file = folder / f"in{ATTACK}.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in [*rows, *bad]), "utf-8")
    return folder, profilegen_("build", file.name, "--max-bad", "1", "--workers", "1", cwd=folder)


def test_a_build_of_hostile_files_prints_nothing_that_acts(built: tuple[Path, Done]) -> None:
    _, done = built
    assert done.returncode == 0, done.stderr
    assert "3 users" in done.stdout
    assert "1 bad line" in done.stdout
    assert acting(done.stdout + done.stderr) == set()


@pytest.mark.parametrize("command", ["search", "similar", "show", "segments", "doctor"])
def test_what_was_built_of_hostile_files_is_printed_without_anything_that_acts(
    command: str, built: tuple[Path, Done]
) -> None:
    folder, _ = built
    with profilegen.open_store(folder / "store") as store:
        user_id = next(store.users()).user_id
    args = {"search": [f"dogs {ATTACK}"], "similar": [user_id], "show": [user_id]}.get(command, [])
    done = profilegen_(command, *args, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert acting(done.stdout + done.stderr) == set()


MISTAKES = [
    ("build", f"no-{ATTACK}.csv"),
    ("build", f"columns-{ATTACK}.csv"),
    ("build", f"columns-{ATTACK}.csv", "--map", f"text={ATTACK}"),
    ("build", f"columns-{ATTACK}.csv", "--map", f"{ATTACK}=a"),
    ("build", f"columns-{ATTACK}.csv", "--map", ATTACK),
    ("build", f"bad-{ATTACK}.jsonl"),
    ("build", f"good-{ATTACK}.csv", "--store", f"good-{ATTACK}.csv"),
    ("build", f"good-{ATTACK}.csv", "--embedder", ATTACK),
    ("build", f"good-{ATTACK}.csv", "--taxonomy", f"no-{ATTACK}.csv"),
    ("build", f"good-{ATTACK}.csv", "--seed", ATTACK),
    ("build", f"--{ATTACK}"),
    (ATTACK,),
    ("models", ATTACK),
    ("models", "pull", ATTACK),
    ("models", "add", f"good-{ATTACK}.csv"),
    ("show", ATTACK, "--store", f"store-{ATTACK}"),
    ("doctor", "--store", f"columns-{ATTACK}.csv"),
    ("evaluate", "--labels", f"good-{ATTACK}.csv", "--report", f"good-{ATTACK}.csv"),
]


@pytest.mark.parametrize("args", MISTAKES, ids=range(len(MISTAKES)))
def test_a_message_about_a_hostile_name_prints_nothing_that_acts(args: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / f"columns-{ATTACK}.csv").write_bytes(f'"a{ATTACK}","b{ATTACK}"\n1,2\n'.encode())
    (tmp_path / f"good-{ATTACK}.csv").write_text("user_id,text\nann,I walk my dog.\n", "utf-8")
    (tmp_path / f"bad-{ATTACK}.jsonl").write_text(json.dumps({"user_id": "u" * 600, "text": ATTACK}), "utf-8")
    done = profilegen_(*args, cwd=tmp_path)
    assert done.returncode in (1, 2), done
    assert done.stdout + done.stderr
    assert acting(done.stdout + done.stderr) == set()


def test_the_settings_file_is_quoted_without_anything_that_acts(tmp_path: Path) -> None:
    escaped = json.dumps(ATTACK)
    for line in (f"{escaped} = 1", f"seed = {escaped}"):
        (tmp_path / "profilegen.toml").write_text(line, "utf-8")
        done = profilegen_("segments", cwd=tmp_path)
        assert (done.returncode, acting(done.stderr)) == (2, set())


def test_line_breaks_stay_and_other_characters_too() -> None:
    text = "Zürich\n北京 👩‍👩‍👧 \\n \\x1b\n\n"
    assert printable_lines(text) == text


def test_a_warning_prints_nothing_that_acts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(store: Path) -> list[object]:
        logging.getLogger("profilegen.store").warning("about %s", ATTACK)
        return []

    monkeypatch.setattr("profilegen.doctor.examine", examine)
    done = profilegen_("doctor", cwd=tmp_path)
    assert done.stderr.startswith("warning: about ")
    assert acting(done.stderr) == set()

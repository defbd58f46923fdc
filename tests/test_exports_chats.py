"""Exports of assistants and of other single persons, as people have them: read without an option."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profilegen.errors import InputError
from profilegen.ingest import Intake, read_documents
from profilegen.ingest.exports.export import Look
from profilegen.ingest.exports.mail import own_words
from profilegen.ingest.exports.registry import export_of
from profilegen.ingest.exports.wording import learn_wording
from profilegen.records import Document


def written(path: Path, data: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data, ensure_ascii=False), "utf-8")
    return path


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(*sources: object, user: str | None = None) -> tuple[list[Document], Intake]:
    intake = Intake()
    documents = list(read_documents([str(source) for source in sources], mapping={}, intake=intake, user=user))
    return documents, intake


def texts(documents: Iterable[Document]) -> list[str]:
    return [document.text for document in documents]


def moment(document: Document) -> str:
    return document.timestamp.isoformat() if document.timestamp else ""


# --- ChatGPT ----------------------------------------------------------------------------------------------


def node(name: str, parent: str | None, role: str, *parts: object, **more: Any) -> dict[str, Any]:
    message = {
        "id": name,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1714557600.5,
        "update_time": None,
        "content": {"content_type": "text", "parts": list(parts)},
        "status": "finished_successfully",
        "weight": 1.0,
        "metadata": {},
        "recipient": "all",
        **more,
    }
    return {"id": name, "message": message, "parent": parent, "children": []}


def chatgpt(*nodes: dict[str, Any], current: str | None, title: str = "Bike Repair Help") -> dict[str, Any]:
    tree = {"id": "root", "message": None, "parent": None, "children": [nodes[0]["id"]]}
    mapping = {"root": tree, **{each["id"]: each for each in nodes}}
    for each in nodes:
        if each["parent"] in mapping and each["id"] not in mapping[each["parent"]]["children"]:
            mapping[each["parent"]]["children"].append(each["id"])
    return {
        "title": title,
        "create_time": 1714557000.0,
        "update_time": 1714557700.0,
        "mapping": mapping,
        "moderation_results": [],
        "current_node": current,
        "conversation_id": "6f1c",
        "id": "6f1c",
        "default_model_slug": "gpt-4o",
    }


BIKE = chatgpt(
    node("s", "root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
    node(
        "c",
        "s",
        "user",
        content={"content_type": "user_editable_context", "user_profile": "I live in Graz", "user_instructions": ""},
        metadata={"is_user_system_message": True, "is_visually_hidden_from_conversation": True},
    ),
    node("u1", "c", "user", "My rear brake squeals when it rains"),
    node("a1", "u1", "assistant", "Clean the rim first."),
    node("u2", "a1", "user", "Is a disk brake better?"),
    node("a2", "u2", "assistant", "Often."),
    node("u3", "a1", "user", "Is a disc brake worth it for commuting?", create_time=1714561200),
    node("t3", "u3", "tool", "search()"),
    node(
        "u4",
        "t3",
        "user",
        content={
            "content_type": "multimodal_text",
            "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}, "Which pads?"],
        },
    ),
    node(
        "u5",
        "u4",
        "user",
        content={"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}]},
    ),
    current="u5",
)


def test_chatgpt_gives_what_the_person_wrote_in_the_branch_that_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "chatgpt"
    written(folder / "conversations.json", [BIKE])
    written(folder / "user.json", {"id": "user-Ab12", "email": "ana@example.org", "chatgpt_plus_user": True})
    written(
        folder / "message_feedback.json",
        [{"id": "1", "conversation_id": "6f1c", "user_id": "user-Ab12", "rating": "thumbs_down", "content": "{}"}],
    )
    documents, intake = read(folder)
    assert texts(documents) == [
        "My rear brake squeals when it rains",
        "Is a disc brake worth it for commuting?",
        "Which pads?",
    ]
    assert {document.user_id for document in documents} == {"user-Ab12"}
    assert moment(documents[1]) == "2024-05-01T11:00:00+00:00"
    assert {document.channel for document in documents} == {None}
    assert intake.passed == {
        "from the assistant": 3,
        "instructions": 2,
        "edited away": 1,
        "no text": 1,
    }
    reasons = [(Path(skipped.file).name, skipped.reason) for skipped in intake.skipped_examples]
    assert ("message_feedback.json", "holds ratings of answers, no texts") in reasons


def test_a_chatgpt_tree_that_is_broken_ends_and_harms_nothing(tmp_path: Path) -> None:
    circle = chatgpt(node("u1", "u2", "user", "round"), node("u2", "u1", "user", "and round"), current="u2")
    broken = {
        "title": 3,
        "mapping": {"x": None, "y": {"message": {"author": [], "content": []}, "parent": {}}},
        "current_node": [],
    }
    path = written(
        tmp_path / "conversations.json",
        [circle, broken, {"mapping": None}, chatgpt(BIKE["mapping"]["u1"], current=None)],
    )
    documents, _ = read(path)
    assert sorted(texts(documents)) == ["My rear brake squeals when it rains", "and round", "round"]
    assert {document.user_id for document in documents} == {"conversations"}


def test_deepseek_gives_the_requests(tmp_path: Path) -> None:
    mapping = {
        "root": {"id": "root", "parent": None, "children": ["1"], "message": None},
        "1": {
            "id": "1",
            "parent": "root",
            "children": ["2"],
            "message": {
                "files": [],
                "model": "deepseek-chat",
                "inserted_at": "2025-02-01T09:30:00.000000+08:00",
                "fragments": [{"type": "REQUEST", "content": "Plan a week in Porto"}],
            },
        },
        "2": {
            "id": "2",
            "parent": "1",
            "children": [],
            "message": {"fragments": [{"type": "THINK", "content": "Hm"}, {"type": "RESPONSE", "content": "Day 1"}]},
        },
    }
    path = written(tmp_path / "conversations.json", [{"id": "d1", "title": "Porto", "mapping": mapping}])
    documents, intake = read(path)
    assert texts(documents) == ["Plan a week in Porto"]
    assert moment(documents[0]).startswith("2025-02-01T09:30")
    assert intake.files[0].export == "DeepSeek export"


# --- Claude, Copilot --------------------------------------------------------------------------------------


def test_claude_gives_what_the_person_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "claude"
    conversation = {
        "uuid": "c1",
        "name": "Sourdough timing",
        "created_at": "2025-01-05T08:00:00.000000Z",
        "updated_at": "2025-01-05T08:10:00.000000Z",
        "account": {"uuid": "acc-1"},
        "chat_messages": [
            {
                "uuid": "m1",
                "text": "How long should my rye starter rest?",
                "content": [{"type": "text", "text": "How long should my rye starter rest?", "citations": []}],
                "sender": "human",
                "created_at": "2025-01-05T08:00:01.123456Z",
                "attachments": [{"file_name": "notes.txt", "extracted_content": "Not written by me"}],
                "files": [],
            },
            {
                "uuid": "m2",
                "text": "Overnight.",
                "content": [],
                "sender": "assistant",
                "created_at": "2025-01-05T08:00:09Z",
            },
            {"uuid": "m3", "text": "And at 18 °C?", "sender": "human", "created_at": "2025-01-05T08:01:00Z"},
        ],
    }
    written(folder / "conversations.json", [conversation, {"uuid": "c2", "name": "", "chat_messages": []}])
    written(folder / "users.json", [{"uuid": "acc-1", "full_name": "Ana B", "email_address": "ana@example.org"}])
    written(folder / "projects.json", [{"uuid": "p1", "name": "Bread", "description": "", "docs": []}])
    documents, intake = read(folder)
    assert texts(documents) == ["How long should my rye starter rest?", "And at 18 °C?"]
    assert {document.user_id for document in documents} == {"acc-1"}
    assert moment(documents[0]) == "2025-01-05T08:00:01.123456+00:00"
    assert intake.passed == {"from the assistant": 1}
    assert intake.files[0].owner == "acc-1"


def test_claude_with_values_of_other_types_harms_nothing(tmp_path: Path) -> None:
    messages: list[object] = [
        None,
        {"sender": [], "text": {}},
        {"sender": "human", "content": [[], {"type": [], "text": 1}]},
    ]
    good = {"sender": "human", "text": "fine"}
    rows = [{"uuid": 1, "chat_messages": messages, "account": []}, {"uuid": 2, "chat_messages": [good]}]
    documents, intake = read(written(tmp_path / "conversations.json", rows))
    assert texts(documents) == ["fine"]
    assert intake.passed == {"from the assistant": 2, "no text": 1}


def test_copilot_gives_what_the_person_wrote(tmp_path: Path) -> None:
    table = (
        "Conversation,Time,Author,Message\n"
        'Trip ideas,2025-03-01T10:00:00,Human,"Quiet islands in May?"\n'
        'Trip ideas,2025-03-01T10:00:03,AI,"Try Brac."\n'
    )
    documents, intake = read(written(tmp_path / "copilot-activity-history.csv", table))
    assert texts(documents) == ["Quiet islands in May?"]
    assert intake.passed == {"from the assistant": 1}


# --- sets of conversations --------------------------------------------------------------------------------


def turn(role: str, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


WILDCHAT = [
    {
        "conversation_hash": f"h{number}",
        "model": "gpt-4",
        "timestamp": "2023-04-09T00:02:53+00:00",
        "conversation": [
            turn("user", f"Question {number} of the address", hashed_ip=address, country="Spain", timestamp=None),
            turn("assistant", "An answer", hashed_ip=None, country=None, timestamp="2023-04-09T00:02:53+00:00"),
        ],
        "turn": 1,
        "language": "English",
        "hashed_ip": address,
        "country": "Spain",
    }
    for number, address in enumerate(["ip-a", "ip-b", "ip-a"])
]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_wildchat_has_a_user_by_address(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"train.{form}"
    if form == "jsonl":
        written(path, lines(*WILDCHAT))
    else:
        pq.write_table(pa.Table.from_pylist(WILDCHAT), path)
    documents, intake = read(path)
    assert [document.user_id for document in documents] == ["ip-a", "ip-b", "ip-a"]
    assert documents[1].text == "Question 1 of the address"
    assert moment(documents[0]) == "2023-04-09T00:02:53+00:00"
    assert intake.files[0].export == "WildChat"
    assert intake.passed == {"from the assistant": 3}


def test_lmsys_has_one_user_a_conversation(tmp_path: Path) -> None:
    rows = [
        {
            "conversation_id": name,
            "model": "vicuna-13b",
            "conversation": [turn("user", "Hi, " + name), turn("assistant", "Hello"), turn("user", "Bye, " + name)],
            "turn": 2,
            "language": "English",
            "openai_moderation": [],
            "redacted": False,
        }
        for name in ("a1", "b2")
    ]
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([{**row, "openai_moderation": [{"flagged": False}]} for row in rows]), path)
    documents, intake = read(path)
    assert [document.user_id for document in documents] == ["a1", "a1", "b2", "b2"]
    assert intake.files[0].export == "LMSYS-Chat (one user a conversation)"


def test_chatbot_arena_has_a_user_by_judge(tmp_path: Path) -> None:
    row = {
        "question_id": "q",
        "model_a": "koala-13b",
        "model_b": "vicuna-13b",
        "winner": "model_a",
        "judge": "arena_user_973",
        "conversation_a": [turn("user", "What is a quine?"), turn("assistant", "A program")],
        "conversation_b": [turn("user", "What is a quine?"), turn("assistant", "A thing")],
        "turn": 1,
        "tstamp": 1682351591.1322,
    }
    documents, _ = read(written(tmp_path / "arena.jsonl", lines(row)))
    assert [(document.user_id, document.text) for document in documents] == [("arena_user_973", "What is a quine?")]


def test_sharegpt_has_one_user_a_conversation_and_joins_its_parts(tmp_path: Path) -> None:
    def row(name: object, *written_: str) -> dict[str, object]:
        turns = [{"from": "human", "value": text} for text in written_]
        return {
            "id": name,
            "conversations": [{"from": "system", "value": "Be kind"}, *turns, {"from": "gpt", "value": "Ok"}],
        }

    rows = [row("QWJhYvA_0", "first"), row("QWJhYvA_2", "second"), row("identity_0", "third"), row("identity_1", "x")]
    rows += [{"conversations": row(None, "without a name")["conversations"]}]
    documents, intake = read(written(tmp_path / "sg.json", rows))
    assert [document.user_id for document in documents[:4]] == ["QWJhYvA", "QWJhYvA", "identity_0", "identity_1"]
    assert documents[4].user_id.startswith("conversation-")
    assert intake.passed == {"from the assistant": 5, "instructions": 5}


OASST: dict[str, Any] = {
    "message_id": "m1",
    "parent_id": None,
    "user_id": "u-1",
    "created_date": "2023-02-05T14:23:50.983374+00:00",
    "text": "Explain tides to a child",
    "role": "prompter",
    "lang": "en",
    "deleted": False,
    "synthetic": False,
    "rank": None,
}


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_oasst_messages_are_those_of_prompters(tmp_path: Path, form: str) -> None:
    rows = [
        OASST,
        {**OASST, "message_id": "m2", "parent_id": "m1", "user_id": "u-2", "role": "assistant", "text": "The moon"},
        {**OASST, "message_id": "m3", "user_id": "u-3", "deleted": True},
    ]
    path = tmp_path / f"oasst.{form}"
    if form == "jsonl":
        written(path, lines(*rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    documents, intake = read(path)
    assert [(document.user_id, document.text) for document in documents] == [("u-1", "Explain tides to a child")]
    assert intake.passed == {"from the assistant": 1, "deleted": 1}


def test_oasst_trees_are_walked_however_deep(tmp_path: Path) -> None:
    message: dict[str, Any] = {**OASST, "text": "the last", "replies": []}
    for at in range(150):
        role = "prompter" if at % 2 else "assistant"
        message = {**OASST, "role": role, "text": f"turn {at}", "replies": [message]}
    tree = {"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": message}
    documents, _ = read(written(tmp_path / "trees.jsonl", lines(tree)))
    assert len(documents) == 76


# --- chat APIs --------------------------------------------------------------------------------------------


def test_messages_with_users_are_theirs(tmp_path: Path) -> None:
    rows = [
        {
            "user": "u1",
            "messages": [turn("system", "Be brief"), turn("user", "Where is my parcel?"), turn("assistant", "?")],
        },
        {
            "metadata": {"user_id": "u2"},
            "messages": [turn("user", [{"type": "text", "text": "Refund"}, {"type": "image"}])],
        },
        {"custom_id": "r1", "body": {"user": "u3", "messages": [turn("user", "In a batch")]}},
        {
            "user_id": "u4",
            "created_at": "2024-05-01T10:00:00Z",
            "system": "You are",
            "messages": [
                turn("user", [{"type": "text", "text": "Run it"}]),
                turn("assistant", [{"type": "tool_use", "name": "run"}]),
                turn("user", [{"type": "tool_result", "content": "42"}]),
            ],
        },
    ]
    documents, intake = read(written(tmp_path / "log.jsonl", lines(*rows)))
    assert [(document.user_id, document.text) for document in documents] == [
        ("u1", "Where is my parcel?"),
        ("u2", "Refund"),
        ("u3", "In a batch"),
        ("u4", "Run it"),
    ]
    assert moment(documents[3]) == "2024-05-01T10:00:00+00:00"
    assert intake.passed == {"instructions": 1, "from the assistant": 3}


def test_messages_without_users_have_one_user_a_conversation(tmp_path: Path) -> None:
    rows = [
        {"messages": [turn("user", "one"), turn("assistant", "x"), turn("user", "two")]},
        {"messages": [turn("user", "three")]},
    ]
    documents, _ = read(written(tmp_path / "train.jsonl", lines(*rows)))
    assert documents[0].user_id == documents[1].user_id != documents[2].user_id
    again, _ = read(tmp_path / "train.jsonl")
    assert again == documents
    named, _ = read(tmp_path / "train.jsonl", user="ana")
    assert {document.user_id for document in named} == {"ana"}


def test_a_table_with_a_turn_a_row_gives_those_of_users(tmp_path: Path) -> None:
    table = (
        "session_id,user_id,role,content,created_at\n"
        "s1,u1,user,Cancel my plan,2024-01-02 10:00:00\n"
        "s1,u1,assistant,Done,2024-01-02 10:00:05\n"
    )
    documents, intake = read(written(tmp_path / "turns.csv", table))
    assert [(document.user_id, document.text) for document in documents] == [("u1", "Cancel my plan")]
    assert intake.passed == {"from the assistant": 1}


def test_one_conversation_in_a_file_is_of_its_user(tmp_path: Path) -> None:
    turns = [turn("user", "Plan a walk"), turn("assistant", "Where?"), turn("user", "Along the Enns")]
    whole = json.dumps({"user_id": "u9", "messages": turns}, indent=1)
    documents, _ = read(written(tmp_path / "chat.json", whole))
    assert [(document.user_id, document.text) for document in documents] == [
        ("u9", "Plan a walk"),
        ("u9", "Along the Enns"),
    ]
    documents, _ = read(written(tmp_path / "ana.json", json.dumps(turns, indent=1)))
    assert {document.user_id for document in documents} == {"ana"}


def look_at_rows(*rows: dict[str, Any], format_: str = "json") -> Look:
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Look("a/file.json", format_, columns, rows, {}, lambda path: None)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("chatgpt", BIKE),
        ("claude", {"uuid": "c", "name": "", "chat_messages": []}),
        ("wildchat", WILDCHAT[0]),
        ("lmsys-chat", {"conversation_id": "a", "model": "x", "conversation": [turn("user", "x")]}),
        ("sharegpt", {"id": "1", "conversations": [{"from": "human", "value": "x"}]}),
        ("oasst", OASST),
        ("chat-messages", {"messages": [turn("user", "x")]}),
        ("chat-messages", {"conversations": [turn("user", "x")], "id": 1}),
        ("msc", {"personas": [], "dialog": [{"text": "x", "id": "Speaker 1"}], "metadata": {}}),
        ("", {"user_id": "u", "text": "x", "messages": 3, "role": "admin"}),
        ("", {"role": "nurse", "content": "x"}),
        ("", {"conversation": "plain text", "model": "x", "conversation_id": "1"}),
        ("", {"title": "A", "url": "https://example.org", "time": "2024-01-01"}),
        ("", {"Title": "A", "Date": "yesterday"}),
        ("", {"header": "a", "title": "b", "time": "c"}),
    ],
)
def test_each_source_is_recognised_by_its_shape(name: str, row: dict[str, Any]) -> None:
    export = export_of(look_at_rows(row))
    assert (export.name if export else "") == name


# --- dialogs of two ---------------------------------------------------------------------------------------


def test_locomo_has_two_users_a_sample_with_times_of_sessions(tmp_path: Path) -> None:
    conversation = {
        "speaker_a": "Nora",
        "speaker_b": "Ivo",
        "session_10_date_time": "12:05 am on 9 June, 2023",
        "session_10": [{"speaker": "Ivo", "dia_id": "D10:1", "text": "The harvest is in."}],
        "session_2_date_time": "1:56 pm on 8 May, 2023",
        "session_2": [
            {"speaker": "Nora", "dia_id": "D2:1", "text": "I joined a choir!"},
            {"speaker": "Ivo", "dia_id": "D2:2", "img_url": [], "blip_caption": "a barn", "text": "I bought a barn."},
        ],
    }
    sample = {"sample_id": "conv-1", "qa": [], "conversation": conversation, "event_summary": {}, "session_summary": {}}
    documents, intake = read(written(tmp_path / "locomo10.json", [sample]))
    assert [(document.user_id, moment(document)) for document in documents] == [
        ("conv-1:Nora", "2023-05-08T13:56:00+00:00"),
        ("conv-1:Ivo", "2023-05-08T13:56:00+00:00"),
        ("conv-1:Ivo", "2023-06-09T00:05:00+00:00"),
    ]
    assert intake.files[0].export == "LoCoMo (two users a sample)"


def test_multi_session_chat_has_two_users_a_dialog(tmp_path: Path) -> None:
    row = {
        "personas": [["I keep bees."], ["I sail."]],
        "dialog": [{"text": "How are the bees?", "id": "Speaker 1"}, {"text": "Busy.", "id": "Speaker 2"}],
        "metadata": {"initial_data_id": "train:ordinary_7", "session_id": 1},
        "previous_dialogs": [{"personas": [], "dialog": [{"text": "Hi"}, {"text": "I keep bees."}], "time_num": 2}],
    }
    documents, _ = read(written(tmp_path / "train.txt.jsonl", lines(row)))
    assert [(document.user_id, document.text) for document in documents] == [
        ("train:ordinary_7:1", "Hi"),
        ("train:ordinary_7:2", "I keep bees."),
        ("train:ordinary_7:1", "How are the bees?"),
        ("train:ordinary_7:2", "Busy."),
    ]


def test_personachat_gives_each_turn_once_in_both_shapes(tmp_path: Path) -> None:
    steps = [
        {"candidates": ["no", "I paint."], "history": ["hello"]},
        {"candidates": ["what", "Birds."], "history": ["hello", "I paint.", "What?"]},
    ]
    flat = [{"personality": ["i paint."], **step, "conv_id": 4, "utterance_idx": at} for at, step in enumerate(steps)]
    for name, rows in (("flat", flat), ("nested", [{"personality": ["i paint."], "utterances": steps, "conv_id": 4}])):
        documents, _ = read(written(tmp_path / f"{name}.jsonl", lines(*rows)))
        assert [(document.user_id, document.text) for document in documents] == [
            ("4:1", "hello"),
            ("4:2", "I paint."),
            ("4:1", "What?"),
            ("4:2", "Birds."),
        ]


def test_convai2_passes_over_the_bot(tmp_path: Path) -> None:
    row = {
        "dialog_id": "0x1",
        "dialog": [
            {"id": 0, "sender": "participant2", "sender_class": "Human", "text": "Do you ski?"},
            {"id": 1, "sender": "participant1", "sender_class": "Bot", "text": "beep"},
        ],
        "bot_profile": [],
        "user_profile": [],
    }
    documents, intake = read(written(tmp_path / "data.json", [row]))
    assert [(document.user_id, document.text) for document in documents] == [("0x1:participant2", "Do you ski?")]
    assert intake.passed == {"from the assistant": 1}


# --- mail -------------------------------------------------------------------------------------------------

MAIL = {
    "from": "Ana Kovač <Ana@Example.org>",
    "to": "ben@example.org",
    "date": "2024-05-01T10:00:00+02:00",
    "subject": "The garden plan",
    "text": "I would rather grow tomatoes.\n\nAna\n",
    "message-id": "<1@example.org>",
    "list-id": "",
    "auto-submitted": "",
    "precedence": "",
}


def test_mail_is_of_the_address_and_programs_and_lists_are_passed_over(tmp_path: Path) -> None:
    rows = [
        MAIL,
        {
            **MAIL,
            "from": "=?utf-8?Q?B=C3=A9n?= <ben@example.org>",
            "subject": "Re: The garden plan",
            "text": "Fine.\n\n> I would",
        },
        {**MAIL, "from": "no-reply@shop.example", "text": "Your order"},
        {**MAIL, "auto-submitted": "auto-replied", "text": "I am away"},
        {**MAIL, "precedence": "bulk", "text": "Sale"},
        {**MAIL, "list-id": "News <news.example.org>", "text": "This week"},
    ]
    documents, intake = read(written(tmp_path / "mail.jsonl", lines(*rows)))
    assert [(document.user_id, document.text, document.title) for document in documents] == [
        ("ana@example.org", "I would rather grow tomatoes.\n\nAna", "The garden plan"),
        ("ben@example.org", "Fine.", None),
    ]
    assert intake.passed == {"written by a program": 3, "from a mailing list": 1}


MBOX = """\
From 1797@xxx Wed May 01 10:00:00 +0000 2024
From: =?utf-8?Q?Ana_Kova=C4=8D?= <Ana@Example.org>
To: ben@example.org
Subject: The garden plan
Date: Wed, 1 May 2024 10:00:00 +0200
Message-ID: <1@example.org>
Content-Type: text/plain; charset=utf-8

I would rather grow tomatoes.

From 1798@xxx Wed May 01 11:00:00 +0000 2024
From: Ben <ben@example.org>
To: ana@example.org
Subject: Re: The garden plan
Date: Wed, 1 May 2024 11:00:00 +0200
Message-ID: <2@example.org>
In-Reply-To: <1@example.org>

Fine, and beans.

On Wed, May 1, 2024 at 10:00 AM Ana <Ana@example.org> wrote:
> I would rather grow tomatoes.

From 1799@xxx Wed May 01 12:00:00 +0000 2024
From: Calendar <calendar@shop.example>
To: ana@example.org
Subject: Reminder
Date: Wed, 1 May 2024 12:00:00 +0200
Message-ID: <3@example.org>
Auto-Submitted: auto-generated

Tomorrow.
"""


def test_an_mbox_file_is_read_as_mail(tmp_path: Path) -> None:
    documents, intake = read(written(tmp_path / "Takeout" / "Mail" / "All mail.mbox", MBOX))
    assert [(document.user_id, document.text, document.title) for document in documents] == [
        ("ana@example.org", "I would rather grow tomatoes.", "The garden plan"),
        ("ben@example.org", "Fine, and beans.", None),
    ]
    assert moment(documents[0]) == "2024-05-01T10:00:00+02:00"
    assert intake.passed == {"written by a program": 1}
    assert intake.files[0].export == "Mail"


def test_the_archive_of_a_mailing_list_is_read(tmp_path: Path) -> None:
    rows = [{**MAIL, "from": f"u{n}@example.org", "list-id": "Ideas <ideas.example.org>"} for n in range(5)]
    documents, _ = read(written(tmp_path / "list.jsonl", lines(*rows)))
    assert len(documents) == 5
    assert documents[0].channel == "ideas.example.org"


@pytest.mark.parametrize(
    ("mail", "own"),
    [
        ("Yes.\n\nOn Mon, May 6, 2024 at 10:00 AM Ben <b@x.org> wrote:\n> Shall we?\n> Ben", "Yes."),
        ("Ja.\n\nAm 06.05.2024 um 10:00 schrieb Ben\n<b@x.org>:\n\n> Sollen wir?", "Ja."),
        ("Top\n\n-----Ursprüngliche Nachricht-----\nVon: Ben\nGesendet: Montag\nAn: Ana\nBetreff: x\n\nOld", "Top"),
        ("Text\n-- \nAna\n+43 1 234", "Text"),
        ("The list:\n\n- one\n- two", "The list:\n\n- one\n- two"),
        ("-----------\nA heading\n-----------\nmore", "-----------\nA heading\n-----------\nmore"),
    ],
)
def test_of_a_mail_only_what_its_writer_wrote_remains(mail: str, own: str) -> None:
    assert own_words(mail) == own


def test_the_own_words_of_a_hostile_mail_are_found_in_time() -> None:
    begun = time.monotonic()
    own_words("-" * 200_000 + "\n" + "a:" * 100_000 + "\n" + "> x:\n" * 50_000 + "- -" * 100_000)
    assert time.monotonic() - begun < 5


# --- Google Takeout ---------------------------------------------------------------------------------------


def watched(title: str, video: str | None, by: str = "Slow Bread", **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "header": "YouTube",
        "title": title,
        "time": "2024-03-01T20:15:30.123Z",
        "products": ["YouTube"],
        "activityControls": ["YouTube watch history"],
        **more,
    }
    if video:
        url = f"https://www.youtube.com/watch?v={video}"
        row |= {"titleUrl": url, "subtitles": [{"name": by, "url": "https://www.youtube.com/channel/UC1"}]}
    return row


def test_youtube_gives_videos_and_searches_without_advertisements(tmp_path: Path) -> None:
    history = tmp_path / "ana" / "Takeout" / "YouTube and YouTube Music" / "history"
    written(
        history / "watch-history.json",
        [
            watched("Watched Rye bread in winter", "v1"),
            watched("Watched A bank you can trust", "v2", details=[{"name": "From Google Ads"}]),
            watched("Watched a video that has been removed", None),
            watched("Watched https://www.youtube.com/watch?v=v3", "v3"),
        ],
    )
    search = watched(
        "Searched for rye starter", None, titleUrl="https://www.youtube.com/results?search_query=rye+starter"
    )
    written(history / "search-history.json", [search])
    documents, intake = read(tmp_path / "ana")
    assert sorted((document.text, document.event) for document in documents) == [
        ("Rye bread in winter", "watched"),
        ("rye starter", "searched"),
    ]
    video = next(document for document in documents if document.event == "watched")
    assert (video.user_id, video.item_id, video.brand, video.channel) == ("ana", "v1", "Slow Bread", "YouTube")
    assert moment(video) == "2024-03-01T20:15:30.123000+00:00"
    assert intake.passed == {"an advertisement": 1, "no title": 2}


NAMES = ["Ananas", "Birnen", "Čaj", "Dill", "Essig", "Feigen", "Gurken", "Hirse", "Ingwer", "Joghurt"]


@pytest.mark.parametrize(
    "around", ["Watched {}", "„{}“ angesehen", "Vous avez regardé {}", "{} を視聴しました", "观看了{}", "{} bekeken"]
)
def test_the_words_around_titles_are_learned_in_every_language(tmp_path: Path, around: str) -> None:
    rows = [watched(around.format(name), name) for name in NAMES]
    documents, _ = read(written(tmp_path / "watch-history.json", rows))
    assert texts(documents) == NAMES


def test_a_word_that_most_titles_share_stays_part_of_them() -> None:
    titles = [f"Watched Minecraft {name}" for name in NAMES[:7]] + [f"Watched {name}" for name in NAMES]
    assert learn_wording(titles).before == "Watched "
    assert learn_wording(NAMES) == ("", "")


def test_searches_are_taken_from_the_address_in_every_language(tmp_path: Path) -> None:
    def action(title: str, url: str) -> dict[str, object]:
        return {
            "header": "Suche",
            "title": title,
            "titleUrl": url,
            "time": "2024-03-01T20:15:30Z",
            "products": ["Suche"],
        }

    rows = [
        action("Gesucht nach: wanderwege wachau", "https://www.google.com/search?q=wanderwege+wachau&hl=de"),
        action("Visited Trails of the Wachau", "https://www.google.com/url?q=https://example.org/trails&usg=x"),
        action("Gesucht nach: x", "http://[broken"),
    ]
    path = written(tmp_path / "Takeout" / "Meine Aktivitäten" / "Suche" / "MeineAktivitäten.json", rows)
    documents, _ = read(path)
    assert texts(documents)[:2] == ["wanderwege wachau", "Trails of the Wachau"]
    assert [document.event for document in documents[:2]] == ["searched", None]


def test_gemini_gives_prompts(tmp_path: Path) -> None:
    def action(title: str, **more: object) -> dict[str, object]:
        common = {"header": "Gemini Apps", "time": "2025-04-02T07:00:00.000Z", "products": ["Gemini Apps"]}
        return {**common, "title": title, **more}

    rows = [
        action("Prompted name three alpine flowers", safeHtmlItem=[{"html": "<p>Edelweiss…</p>"}]),
        action("Used an Assistant feature"),
    ]
    documents, intake = read(written(tmp_path / "MyActivity.json", rows))
    assert texts(documents) == ["name three alpine flowers"]
    assert intake.passed == {"no prompt": 1}


def cell(body: str, caption: str = "", header: str = "YouTube") -> str:
    return (
        '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">'
        f'<div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">{header}<br></p></div>'
        f'<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">{body}</div>'
        '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1 mdl-typography--text-right"></div>'
        '<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>&emsp;'
        f"{header}<br>{caption}<b>Why is this here?</b><br>&emsp;This activity was saved.</div></div></div>"
    )


def page(*cells: str) -> str:
    style = "<style>.mdl-typography--body-1{font-size:14px}</style>"
    body = "".join(cells)
    head = f"<html><head><title>My Activity History</title>{style}</head>"
    return f'{head}<body><div class="mdl-grid">{body}</div></body></html>'


def test_the_pages_of_takeout_are_read_as_its_json(tmp_path: Path) -> None:
    video = (
        'Watched\xa0<a href="https://www.youtube.com/watch?v=v1">Rye &amp; wheat</a><br>'
        '<a href="https://www.youtube.com/channel/UC1">Slow Bread</a><br>Jun 9, 2023, 3:41:00\u202fPM UTC<br>'
    )
    gone = "Watched a video that has been removed<br>Jun 9, 2023, 3:41:00\u202fPM UTC<br>"
    prompt = (
        "Prompted\xa0name three flowers<br>Apr 2, 2025, 9:00:00\u202fAM CEST<br><p>Edelweiss</p><p>12:00:00 2024</p>"
    )
    cells = [
        cell(video),
        cell(video.replace("v1", "v2"), "<b>Details:</b><br>&emsp;From Google Ads<br>"),
        cell(gone),
        cell(prompt, header="Gemini Apps"),
    ]
    path = written(tmp_path / "MyActivity.html", page(*cells))
    documents, intake = read(path)
    assert [(document.text, document.brand, document.item_id) for document in documents] == [
        ("Rye & wheat", "Slow Bread", "v1"),
        ("name three flowers", None, None),
    ]
    assert intake.passed == {"an advertisement": 1, "no title": 1}
    assert intake.files[0].format == "html"


def test_another_web_page_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a web page is not read"):
        read(written(tmp_path / "archive_browser.html", "<html><body>Hello</body></html>"))


@pytest.mark.parametrize(
    "filling", ["<!--", "<a ", "<a <a <a ", "<div class='outer-cell'>", "</", "<!", "&#", '<a b="']
)
def test_a_hostile_page_is_an_error_in_time(tmp_path: Path, filling: str) -> None:
    path = written(tmp_path / "MyActivity.html", page(cell("x")).removesuffix("</body></html>") + filling * 30_000)
    begun = time.monotonic()
    with pytest.raises(InputError):
        read(path)
    assert time.monotonic() - begun < 20


def test_chrome_gives_titles_and_searches(tmp_path: Path) -> None:
    def visit(title: str, url: str) -> dict[str, object]:
        return {
            "favicon_url": "https://example.org/favicon.ico",
            "page_transition": "LINK",
            "title": title,
            "ptoken": {},
            "url": url,
            "client_id": "abc",
            "time_usec": 1709324130123456,
        }

    rows = [
        visit("Wachau trails", "https://example.org/trails?token=secret"),
        visit("rye - Google Search", "https://www.google.com/search?q=rye+starter"),
        visit("", "https://example.org/"),
        visit("Settings", "chrome://settings/"),
    ]
    documents, intake = read(written(tmp_path / "Takeout" / "Chrome" / "History.json", {"Browser History": rows}))
    assert texts(documents) == ["Wachau trails", "rye starter"]
    assert moment(documents[0]) == "2024-03-01T20:15:30.123456+00:00"
    assert not any("secret" in document.model_dump_json() for document in documents)
    assert intake.passed == {"no title": 2}


# --- music, films, orders ---------------------------------------------------------------------------------


def test_spotify_gives_what_was_played_for_long_enough(tmp_path: Path) -> None:
    account = tmp_path / "my_spotify_data" / "Spotify Account Data"
    written(account / "Userdata.json", {"username": "ana77", "email": "ana@example.org", "country": "AT"})
    written(
        account / "StreamingHistory_music_0.json",
        [
            {"endTime": "2024-01-05 12:10", "artistName": "Fink", "trackName": "Perfect Darkness", "msPlayed": 250000},
            {"endTime": "2024-01-05 12:11", "artistName": "Fink", "trackName": "Skipped", "msPlayed": 2000},
        ],
    )
    written(
        account / "StreamingHistory_podcast_0.json",
        [{"endTime": "2024-01-06 08:00", "podcastName": "In Our Time", "episodeName": "Tides", "msPlayed": 1800000}],
    )
    written(
        account / "SearchQueries.json",
        [
            {
                "platform": "ANDROID",
                "searchTime": "2024-01-05T12:00:00.000Z[UTC]",
                "searchQuery": "slow guitar",
                "searchInteractionURIs": [],
            }
        ],
    )
    written(
        account / "Playlist1.json", {"playlists": [{"name": "Rain", "lastModifiedDate": "2024-01-01", "items": []}]}
    )
    written(
        account / "YourLibrary.json",
        {"tracks": [{"artist": "Fink", "album": "x", "track": "y", "uri": "spotify:track:1"}]},
    )
    documents, intake = read(tmp_path / "my_spotify_data")
    assert sorted((document.text, document.brand) for document in documents if document.brand) == [
        ("Perfect Darkness", "Fink"),
        ("Tides", "In Our Time"),
    ]
    assert "slow guitar" in texts(documents)
    assert {document.user_id for document in documents} == {"ana77"}
    assert intake.passed == {"played less than 30 seconds": 1}


def test_the_extended_history_of_spotify_is_read(tmp_path: Path) -> None:
    played = {
        "ts": "2021-03-04T05:06:07Z",
        "username": "ana77",
        "platform": "ios",
        "ms_played": 200000,
        "conn_country": "AT",
        "ip_addr_decrypted": "10.0.0.1",
        "master_metadata_track_name": "Holocene",
        "master_metadata_album_artist_name": "Bon Iver",
        "master_metadata_album_album_name": "Bon Iver",
        "spotify_track_uri": "spotify:track:4fbv",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "skipped": False,
    }
    nothing = {**played, "master_metadata_track_name": None, "spotify_track_uri": None}
    documents, intake = read(written(tmp_path / "Streaming_History_Audio_2021_1.json", [played, nothing]))
    (document,) = documents
    assert (document.user_id, document.text, document.brand, document.item_id) == (
        "ana77",
        "Holocene",
        "Bon Iver",
        "spotify:track:4fbv",
    )
    assert intake.passed == {"no title": 1}


def test_apple_music_gives_what_was_played(tmp_path: Path) -> None:
    activity = (
        "Album Name,Artist Name,Event Start Timestamp,Event Type,Media Duration In Milliseconds,"
        "Play Duration Milliseconds,Song Name\n"
        "Yield,,2022-02-03T10:00:00.000Z,PLAY_END,200000,180000,Faithfull\n"
        "Yield,,2022-02-03T10:05:00.000Z,PLAY_END,200000,900,Wishlist\n"
    )
    daily = (
        "Country,Track Identifier,Media type,Date Played,Hours,Play Duration Milliseconds,End Reason Type,"
        "Source Type,Play Count,Skip Count,Ignore For Recommendations,Track Reference,Track Description\n"
        'Austria,157,AUDIO,20220203,"10, 11",180000,NATURAL_END,IPHONE,1,0,,157,Pearl Jam - Given to Fly\n'
    )
    written(tmp_path / "apple" / "Apple Music Play Activity.csv", activity)
    written(tmp_path / "apple" / "Apple Music - Play History Daily Tracks.csv", daily)
    documents, intake = read(tmp_path / "apple")
    assert sorted((document.text, document.brand) for document in documents) == [
        ("Faithfull", None),
        ("Given to Fly", "Pearl Jam"),
    ]
    assert intake.passed == {"played less than 30 seconds": 1}


def test_netflix_reads_days_in_the_order_that_the_file_has(tmp_path: Path) -> None:
    table = 'Title,Date\n"Dark: Season 1: Secrets","5/1/24"\n"The Crown","29/12/23"\n'
    documents, _ = read(written(tmp_path / "NetflixViewingHistory.csv", table))
    assert [(document.text, moment(document)[:10]) for document in documents] == [
        ("Dark: Season 1: Secrets", "2024-01-05"),
        ("The Crown", "2023-12-29"),
    ]
    american, _ = read(written(tmp_path / "NetflixViewingHistory.csv", "Title,Date\nDark,5/29/24\n"))
    assert moment(american[0])[:10] == "2024-05-29"


def test_the_viewing_activity_of_netflix_has_a_user_a_profile(tmp_path: Path) -> None:
    table = (
        "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Device Type,Bookmark,"
        "Latest Bookmark,Country\n"
        "Ana,2023-04-27 20:26:40,00:42:17,,Dark: Season 1: Secrets,,TV,00:42:17,00:42:17,AT (Austria)\n"
        "Ben,2023-04-27 20:20:00,00:00:31,,Dark (Trailer),TRAILER,TV,00:00:31,00:00:31,AT (Austria)\n"
        "Ben,2023-04-27 20:21:00,00:00:31,,The Crown,,TV,00:00:31,00:00:31,AT (Austria)\n"
    )
    documents, intake = read(written(tmp_path / "ViewingActivity.csv", table))
    assert [(document.user_id, document.text) for document in documents] == [("Ana", "Dark: Season 1: Secrets")]
    assert intake.passed == {"a trailer": 1, "viewed less than 2 minutes": 1}


def test_amazon_orders_are_items_with_prices(tmp_path: Path) -> None:
    table = (
        '"Website","Order ID","Order Date","Purchase Order Number","Currency","Unit Price","Unit Price Tax",'
        '"Shipping Charge","Total Discounts","Total Owed","ASIN","Product Condition","Quantity","Order Status",'
        '"Shipping Address","Product Name"\n'
        '"Amazon.com","111-1","2023-01-05T12:00:00Z","Not Applicable","USD","1,024.50","0","0","0","1,024.50",'
        '"B01","New","1","Closed","1 Main St","Espresso machine, 15 bar"\n'
        '"Amazon.com","111-2","2023-01-06T12:00:00Z","Not Applicable","USD","5","0","0","0","5",'
        '"B02","New","1","Cancelled","1 Main St","Mug"\n'
    )
    documents, intake = read(written(tmp_path / "Retail.OrderHistory.1.csv", table))
    (document,) = documents
    assert (document.text, document.item_id, document.price) == ("Espresso machine, 15 bar", "B01", 1024.5)
    assert document.user_id == "Retail.OrderHistory.1"
    assert intake.passed == {"cancelled": 1}
    assert "Main St" not in document.model_dump_json()


# --- books, pages, journals -------------------------------------------------------------------------------


def test_kindle_gives_notes_and_of_highlights_the_book_alone(tmp_path: Path) -> None:
    clippings = (
        "\ufeffThe Sea (Draft) (Marin, Ida)\r\n"
        "- Your Highlight on page 34 | Location 512-514 | Added on Tuesday, March 5, 2019 10:15:02 PM\r\n\r\n"
        "Words of the author\r\n==========\r\n"
        "\ufeffThe Sea (Draft) (Marin, Ida)\r\n"
        "- Your Note on page 34 | Location 514 | Added on Tuesday, March 5, 2019 10:16:00 PM\r\n\r\n"
        "Remember for the talk\r\n==========\r\n"
        "Das Meer (Ida Marin)\r\n"
        "- Ihre Markierung bei Position 12-14 | Hinzugefügt am Dienstag, 5. März 2019 22:15:02\r\n\r\n"
        "Worte der Autorin\r\n==========\r\n"
        "Das Meer (Ida Marin)\r\n"
        "- Ihr Lesezeichen bei Position 20 | Hinzugefügt am Dienstag, 5. März 2019 22:16:02\r\n\r\n"
        "\r\n==========\r\n"
    )
    documents, intake = read(written(tmp_path / "My Clippings.txt", clippings))
    assert [(document.text, document.item_title, document.brand, document.event) for document in documents] == [
        ("The Sea (Draft)", "The Sea (Draft)", "Marin, Ida", "highlighted"),
        ("Remember for the talk", "The Sea (Draft)", "Marin, Ida", "noted"),
        ("Das Meer", "Das Meer", "Ida Marin", "highlighted"),
    ]
    assert moment(documents[0]) == "2019-03-05T22:15:02+00:00"
    assert intake.passed == {"a bookmark": 1}
    assert intake.files[0].export == "Kindle clippings"


def test_a_hostile_file_of_clippings_is_read_in_time(tmp_path: Path) -> None:
    good = "Book (A)\n- Your Note on page 1 | Location 2 | Added on x\n\nfine\n==========\n"
    bad = "(" * 100_000 + "\n- x | y\n\n" + "word\n" * 50_000
    begun = time.monotonic()
    documents, intake = read(written(tmp_path / "My Clippings.txt", good + bad))
    assert time.monotonic() - begun < 5
    assert texts(documents) == ["fine"]
    assert intake.bad == 1


def test_pages_that_were_saved_are_items(tmp_path: Path) -> None:
    pocket = (
        "title,url,time_added,tags,status\n"
        "How rivers bend,https://example.org/rivers,1657804211,water|maps,unread\n"
        "https://example.org/x,https://example.org/x,1657804212,,archive\n"
    )
    instapaper = (
        "URL,Title,Selection,Folder,Timestamp,Tags\nhttps://example.org/a,On bees,Quoted,Archive,1657804211,[]\n"
    )
    documents, intake = read(written(tmp_path / "part_000000.csv", pocket), written(tmp_path / "in.csv", instapaper))
    assert [(document.text, document.item_id, document.event) for document in documents] == [
        ("How rivers bend", "https://example.org/rivers", "unread"),
        ("On bees", "https://example.org/a", "Archive"),
    ]
    assert intake.passed == {"no title": 1}


def test_day_one_gives_entries_without_pictures(tmp_path: Path) -> None:
    entry = {
        "uuid": "5D0E",
        "creationDate": "2022-08-01T06:30:00Z",
        "modifiedDate": "2022-08-01T06:40:00Z",
        "creationDevice": "iPhone",
        "timeZone": "Europe/Vienna",
        "starred": False,
        "text": "# Early swim\n![](dayone-moment://ABC)\nThe lake was 18\\.5 degrees\\!",
        "richText": "{}",
    }
    journal = {"metadata": {"version": "1.0"}, "entries": [entry, {**entry, "uuid": "2", "text": ""}]}
    documents, intake = read(written(tmp_path / "ana" / "Journal.json", journal))
    assert texts(documents) == ["# Early swim\n\nThe lake was 18.5 degrees!"]
    assert (documents[0].channel, moment(documents[0])) == ("Journal", "2022-08-01T06:30:00+00:00")
    assert intake.passed == {"no text": 1}


# --- accounts beside archives -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "account"),
    [
        (
            {
                "conversations.json": [
                    {"mapping": {"a": node("a", None, "user", "I bake for my two children")}, "current_node": "a"}
                ],
                "user.json": {"id": "user-1", "email": "q@example.org", "chatgpt_plus_user": True},
            },
            "user.json",
        ),
        (
            {
                "StreamingHistory_music_0.json": [
                    {"endTime": "2023-05-01 10:00", "artistName": "B", "trackName": "Jog", "msPlayed": 305_000}
                ],
                "Userdata.json": {"username": "user-1", "email": "z@example.org", "country": "FR"},
                "Playlist1.json": {"playlists": [{"name": "Rainy", "lastModifiedDate": "2023-01-01", "items": [{}]}]},
            },
            "Userdata.json",
        ),
    ],
)
def test_a_file_that_names_the_account_says_that_it_is_used(
    tmp_path: Path, files: dict[str, object], account: str
) -> None:
    for name, data in files.items():
        written(tmp_path / "export" / name, data)
    documents, intake = read(tmp_path / "export")
    assert [document.user_id for document in documents] == ["user-1"]
    reasons = {Path(each.file).name: each.reason for each in intake.skipped_examples}
    assert reasons.pop(account).startswith("tells whose account it is, no texts")
    assert set(reasons.values()) <= {"holds playlists and liked tracks, no plays"}

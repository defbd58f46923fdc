"""Public sets of dialogs of two persons: LoCoMo, PersonaChat and ConvAI2, Multi-Session Chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_list, as_mapping, as_mappings, as_text
from profilegen.ingest.exports.turns import FROM_ASSISTANT, name_conversation

_SESSION = re.compile(r"session_(\d+)")


def _is_locomo(look: Look) -> bool:
    return "conversation" in look.columns and any(
        {"speaker_a", "speaker_b"} <= set(as_mapping(row.get("conversation"))) for row in look.rows
    )


def _locomo(row: Mapping[str, object]) -> Iterator[Fields | Passed]:
    """Give the turns of all sessions. Names come again in other samples, so that users have the sample in theirs."""
    dialog = as_mapping(row.get("conversation"))
    sample = as_text(row.get("sample_id")) or name_conversation(map(as_text, dialog.values()))
    sessions = sorted((int(match[1]), name) for name in dialog if (match := _SESSION.fullmatch(str(name))))
    for _, name in sessions:
        moment = dialog.get(f"{name}_date_time")
        for turn in as_mappings(dialog.get(name)):
            user = f"{sample}:{as_text(turn.get('speaker'))}"
            yield {"user_id": user, "text": turn.get("text"), "timestamp": moment}


def _is_msc(look: Look) -> bool:
    return {"personas", "dialog"} <= set(look.columns)


def _msc(row: Mapping[str, object]) -> Iterator[Fields | Passed]:
    """Give the turns of this session and of those before; what stands in several files has the same user and text."""
    sessions = [*as_mappings(row.get("previous_dialogs")), row]
    texts = [[as_text(turn.get("text")) for turn in as_mappings(each.get("dialog"))] for each in sessions]
    name = as_text(as_mapping(row.get("metadata")).get("initial_data_id"))
    name = name or name_conversation(next((each for each in texts if each), []))
    for each in texts:
        for at, text in enumerate(each):
            yield {"user_id": f"{name}:{at % 2 + 1}", "text": text}


def _is_personachat(look: Look) -> bool:
    return {"personality", "utterances"} <= set(look.columns) or {"personality", "candidates", "history"} <= set(
        look.columns
    )


def _personachat(row: Mapping[str, object]) -> Iterator[Fields | Passed]:
    """Give the turns of a dialog, or those that are new in one that comes with a turn more a row.

    The last of the candidates is what the person answered; the others are of other dialogs.
    """
    steps = as_mappings(row.get("utterances"))[-1:] or [row]
    for step in steps:
        answer = [as_text(each) for each in as_list(step.get("candidates"))][-1:]
        texts = [as_text(each) for each in as_list(step.get("history"))] + answer
        name = row.get("conv_id")
        if not isinstance(name, int | str):
            name = name_conversation(map(as_text, as_list(row.get("personality"))))
        for at, text in enumerate(texts):
            if step is not row or at >= len(texts) - 2:
                yield {"user_id": f"{name}:{at % 2 + 1}", "text": text}


def _is_convai(look: Look) -> bool:
    turns = [turn for row in look.rows for turn in as_mappings(row.get("dialog"))]
    return {"dialog", "bot_profile"} <= set(look.columns) and any("sender" in turn for turn in turns)


def _convai(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    turns = as_mappings(row.get("dialog"))
    name = row.get("dialog_id")
    if not isinstance(name, int | str):
        name = name_conversation(as_text(turn.get("text")) for turn in turns)
    for turn in turns:
        if "bot" in as_text(turn.get("sender_class") or turn.get("sender")).casefold():
            yield FROM_ASSISTANT
        else:
            yield {"user_id": f"{name}:{as_text(turn.get('sender'))}", "text": turn.get("text")}


EXPORTS = (
    Export(
        "locomo",
        "LoCoMo (two users a sample)",
        {"user_id": "sample_id", "text": "conversation", "timestamp": "conversation"},
        _is_locomo,
        lambda look: _locomo,
    ),
    Export(
        "msc",
        "Multi-Session Chat (two users a dialog)",
        {"user_id": "metadata", "text": "dialog"},
        _is_msc,
        lambda look: _msc,
    ),
    Export(
        "personachat",
        "PersonaChat (two users a dialog)",
        {"user_id": "conv_id", "text": "utterances"},
        _is_personachat,
        lambda look: _personachat,
    ),
    Export(
        "convai2",
        "ConvAI2 (users by dialog)",
        {"user_id": "dialog_id", "text": "dialog"},
        _is_convai,
        lambda look: _convai,
    ),
)

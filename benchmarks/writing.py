"""Writing: users a minute and tokens a second, against llama.cpp as it is used from Python and against its server.

Two jobs. `writing.engine`: the same texts, the same prompt, the same JSON schema, for everybody; so engine stands
against engine. `writing.profiles`: what a build does for a user, claims found and a summary written, against the
others' answer to the job above, which is the least that a profile from them costs.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.corpus import User
from benchmarks.machine import cores
from benchmarks.measures import Contestant, Section, in_turn

_FOLDER = Path(__file__).with_name("prompts")
_MAX_PROMPT_CHARS = 950
# More than all strings at their longest and the scaffolding, so that no answer is cut off.
_MAX_ANSWER_TOKENS = 420
_CONTEXT_TOKENS = 1_280
_SLOTS = 16


@dataclass(frozen=True)
class Round:
    """What one round took: seconds, tokens read and written, and how many answers are whole JSON."""

    users: int
    seconds: float
    read: int
    written: int
    valid: int


def measure(
    users: Sequence[User],
    store: Path,
    shipped: Path,
    requantised: Path,
    *,
    rounds: int,
    users_a_round: int,
    peak_gflops: float,
    with_server: bool,
) -> Section:
    """Measure all contestants on the same users, round by round.

    :param store: a finished store with these users, whose claims the stage of a build works on.
    :param shipped: the writer's GGUF file as it is shipped; `requantised` the same in the type it is used in.
    """
    section = Section(
        "Users a minute. engine: one prompt of texts and one JSON schema a user, the same for all. profiles: what a "
        "build does for a user (claims found, summary written)."
    )
    jobs = [_slice(users, number, users_a_round) for number in range(rounds)]
    with ExitStack() as stack:

        def contestant(load: Callable[..., Any], *arguments: Any) -> Contestant:
            return stack.enter_context(Contestant(load, *arguments))

        contestants = {
            "engine.profilegen": contestant(load_profilegen, str(requantised)),
            "engine.llama-cpp-python-shipped": contestant(load_chat, str(shipped)),
            "engine.llama-cpp-python": contestant(load_chat, str(requantised)),
            "profiles.profilegen": contestant(load_stage, str(store)),
        }
        if with_server:
            contestants["engine.llama-server"] = contestant(load_server, str(requantised))
        for ask in contestants.values():
            ask(jobs[0][:1])  # not counted: it loads the model
        found = in_turn(contestants, jobs)
    _report(section, found, peak_gflops, requantised)
    return section


def _slice(users: Sequence[User], number: int, size: int) -> list[User]:
    return [users[(number * size + at) % len(users)] for at in range(min(size, len(users)))]


def _report(section: Section, found: dict[str, list[Round]], peak_gflops: float, model: Path) -> None:
    rates = {
        name: section.add(f"writing.{name}", "users/min", [60 * one.users / one.seconds for one in rounds])
        for name, rounds in found.items()
    }
    for name, rounds in found.items():
        if "engine" in name:
            section.add(f"writing.{name}.read", "tokens/s", [one.read / one.seconds for one in rounds])
            section.add(f"writing.{name}.written", "tokens/s", [one.written / one.seconds for one in rounds])
            section.facts[f"{name}: valid JSON"] = sum(one.valid for one in rounds) / sum(one.users for one in rounds)
    for job in ("engine", "profiles"):
        ours = rates[f"{job}.profilegen"]
        section.compare(ours, rates["engine.llama-cpp-python-shipped"], wanted=4)
        section.compare(ours, rates["engine.llama-cpp-python"], wanted=2)
        if "engine.llama-server" in rates:
            section.compare(ours, rates["engine.llama-server"], wanted=2)
    of_token, of_logits = _operations(model)
    shares = [
        (one.read * of_token + one.written * (of_token + of_logits)) / one.seconds / 1e9 / peak_gflops
        for one in found["engine.profilegen"]
    ]
    section.add("writing.engine.profilegen.roofline", "share of peak", shares)
    first = found["engine.profilegen"][0]
    section.facts["tokens a user"] = {"read": first.read / first.users, "written": first.written / first.users}


def _operations(model: Path) -> tuple[int, int]:
    """Return the floating-point operations of a token without and of the output layer alone: twice the weights."""
    from gguf import GGUFReader

    sizes = {tensor.name: int(tensor.n_elements) for tensor in GGUFReader(model).tensors if len(tensor.shape) > 1}
    embedding = sizes.pop("token_embd.weight", 0)
    output = sizes.pop("output.weight", embedding)  # tied to the embedding where there is none
    return 2 * sum(sizes.values()), 2 * output


# --- the job, the same for all -----------------------------------------------------------------------------


def _turns(user: User) -> tuple[tuple[Any, str], ...]:
    from profilegen.backends import turns_from

    return turns_from((_FOLDER / "profile.txt").read_text().replace("{{ texts }}", user.told(_MAX_PROMPT_CHARS)))


@cache
def _schema() -> dict[str, Any]:
    return dict(json.loads((_FOLDER / "profile.schema.json").read_text()))


def _round(start: float, answers: Sequence[tuple[str, int, int]]) -> Round:
    """Return the round of (text, tokens read, tokens written)."""
    seconds = time.perf_counter() - start
    valid = sum(_is_whole(text) for text, _, _ in answers)
    return Round(
        len(answers), seconds, sum(read for _, read, _ in answers), sum(wrote for _, _, wrote in answers), valid
    )


def _is_whole(text: str) -> bool:
    try:
        return set(json.loads(text)) == set(_schema()["required"])
    except (ValueError, TypeError):
        return False


# --- the contestants; each runs in a process of its own ----------------------------------------------------


def load_profilegen(model: str) -> Callable[[Sequence[User]], Round]:
    """Write with profilegen's writer."""
    from profilegen.backends import Answer, JsonSchema, Options, Prompt, open_writer

    options = Options(workers=cores(), slots=_SLOTS, context_tokens=_CONTEXT_TOKENS)
    writer = open_writer(model, options)

    def prompt(user: User) -> Prompt:
        *shared, (_, request) = _turns(user)
        return Prompt(tuple(shared), request, JsonSchema(_schema()), _MAX_ANSWER_TOKENS)

    def run(users: Sequence[User]) -> Round:
        start = time.perf_counter()
        answers = [answer for _, answer in writer.write((user.user_id, prompt(user)) for user in users)]
        told = [(one.text, one.prompt_tokens, one.answer_tokens) for one in answers if isinstance(one, Answer)]
        if len(told) < len(users):
            raise RuntimeError(next(one for one in answers if not isinstance(one, Answer)))
        return _round(start, told)

    return run


def load_chat(model: str) -> Callable[[Sequence[User]], Round]:
    """Write with `Llama.create_chat_completion`, one user after the other."""
    from llama_cpp import Llama

    chat = Llama(model, n_ctx=_CONTEXT_TOKENS, n_threads=cores(), n_threads_batch=cores(), verbose=False)

    def ask(user: User) -> tuple[str, int, int]:
        answer: Any = chat.create_chat_completion(
            [{"role": role, "content": content} for role, content in _turns(user)],
            response_format={"type": "json_object", "schema": _schema()},
            temperature=0.0,
            repeat_penalty=1.0,
            max_tokens=_MAX_ANSWER_TOKENS,
        )
        return _told(answer)

    def run(users: Sequence[User]) -> Round:
        start = time.perf_counter()
        return _round(start, [ask(user) for user in users])

    return run


def load_server(model: str) -> Callable[[Sequence[User]], Round]:
    """Write with llama.cpp's own server, in the process: as many slots, its prefix cache, flash attention."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_parallel = _SLOTS
    params.n_ctx = _SLOTS * _CONTEXT_TOKENS
    params.cpuparams.n_threads = cores()
    params.cpuparams_batch.n_threads = cores()
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    params.cache_prompt = True
    params.verbosity = -1
    server = xllamacpp.Server(params)

    def ask(user: User) -> tuple[str, int, int]:
        answer: Any = server.handle_chat_completions(
            {
                "messages": [{"role": role, "content": content} for role, content in _turns(user)],
                "response_format": {"type": "json_object", "schema": _schema()},
                "temperature": 0.0,
                "repeat_penalty": 1.0,
                "max_tokens": _MAX_ANSWER_TOKENS,
            }
        )
        return _told(json.loads(answer) if isinstance(answer, str | bytes) else answer)

    def run(users: Sequence[User]) -> Round:
        start = time.perf_counter()
        with ThreadPoolExecutor(_SLOTS) as pool:
            return _round(start, list(pool.map(ask, users)))

    return run


def _told(answer: dict[str, Any]) -> tuple[str, int, int]:
    usage = answer["usage"]
    text = answer["choices"][0]["message"]["content"]
    return str(text), int(usage["prompt_tokens"]), int(usage["completion_tokens"])


def load_stage(store: str) -> Callable[[Sequence[User]], Round]:
    """Find claims and write summaries as a build does, in a copy of the store; both models stay loaded."""
    from profilegen.backends import Options, open_embedder
    from profilegen.config import load_settings
    from profilegen.pipeline.model_choice import writer_of
    from profilegen.pipeline.models import Models
    from profilegen.pipeline.profiles import write_profiles
    from profilegen.store.ledger import LEDGER_FILE, open_ledger

    copy = tempfile.TemporaryDirectory()
    shutil.copy(Path(store) / LEDGER_FILE, copy.name)
    ledger = open_ledger(Path(copy.name), create=True)
    settings = load_settings(store=Path(copy.name))
    embedder = open_embedder(ledger.get_meta("embedder")["source"], Options(workers=settings.workers))
    models = Models(embedder, writer_of(settings, lambda *_: None))

    def run(users: Sequence[User], _kept: Any = copy) -> Round:
        start = time.perf_counter()
        write_profiles(ledger, {user.user_id: "bench" for user in users}, models, lambda _: None)
        return Round(len(users), time.perf_counter() - start, 0, 0, len(users))

    return run

"""Writing: users a minute and tokens a second, beside llama.cpp as it is used from Python and its server.

All engines get the same job: the same passages, prompt, weights file, sampling and form of the answer (JSON with three
interests, two values and a summary, blanks included), so the answers differ by rounding only. llama.cpp gets the form
as a GBNF grammar, since its own grammar for a JSON schema lets the model write blanks and line breaks without end.

`writing.stage` is what a build does after embedding and clustering: notes, verdicts, claims and summaries of users. It
is another job, so no ratio is printed for it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.corpus import User, cycled
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
    """The result of one round.

    :param users: number of users.
    :param seconds: duration.
    :param n_read: prompt tokens of all users.
    :param n_written: answer tokens of all users.
    :param n_valid: answers that are complete JSON.
    """

    users: int
    seconds: float
    n_read: int
    n_written: int
    n_valid: int


def measure(
    users: Sequence[User],
    store: Path,
    model: Path,
    *,
    rounds: int,
    users_a_round: int,
    peak_gflops: float,
    with_server: bool,
) -> Section:
    """Measure all engines on the same users, round by round.

    :param users: users to draw from.
    :param store: a finished store with these users, whose claims the writing stage works on; it is only read.
    :param model: the writer's GGUF file, the same for all engines.
    :param rounds: number of rounds.
    :param users_a_round: users a round.
    :param peak_gflops: best rate of float32 products on this machine.
    :param with_server: whether to measure llama.cpp's server, which needs xllamacpp.
    """
    section = Section(
        "Users a minute. engine: the same prompt, answer form and weights for all. stage: the writing stage of a "
        "build, which is another job."
    )
    jobs = [cycled(users, number, users_a_round) for number in range(rounds)]
    with ExitStack() as stack:

        def contestant(load: Callable[..., Any], *arguments: Any) -> Contestant:
            return stack.enter_context(Contestant(load, *arguments))

        contestants = {
            "engine.profilegen": contestant(load_profilegen, str(model)),
            "engine.llama-cpp-python": contestant(load_chat, str(model)),
            "stage": contestant(load_stage, str(store)),
        }
        if with_server:
            contestants["engine.llama-server"] = contestant(load_server, str(model))
        for ask in contestants.values():
            ask(jobs[0][:1])  # not counted: it loads the model
        answers = in_turn(contestants, jobs)
    _report(section, answers, peak_gflops, model)
    return section


def _report(section: Section, answers: dict[str, list[Round]], peak_gflops: float, model: Path) -> None:
    rates = {
        name: section.add(f"writing.{name}", "users/min", [60 * one.users / one.seconds for one in rounds])
        for name, rounds in answers.items()
    }
    engines = {name: rounds for name, rounds in answers.items() if name.startswith("engine.")}
    for name, rounds in engines.items():
        section.add(f"writing.{name}.read", "tokens/s", [one.n_read / one.seconds for one in rounds])
        section.add(f"writing.{name}.written", "tokens/s", [one.n_written / one.seconds for one in rounds])
        n_users = sum(one.users for one in rounds)
        section.facts[f"{name}: valid JSON"] = sum(one.n_valid for one in rounds) / n_users
        section.facts[f"{name}: tokens read and written a user"] = [
            round(sum(one.n_read for one in rounds) / n_users, 1),
            round(sum(one.n_written for one in rounds) / n_users, 1),
        ]
        if name != "engine.profilegen":
            section.compare(rates["engine.profilegen"], rates[name], target=2)
    of_token, of_logits = _operations(model)
    shares = [
        (one.n_read * of_token + one.n_written * (of_token + of_logits)) / one.seconds / 1e9 / peak_gflops
        for one in answers["engine.profilegen"]
    ]
    section.add("writing.engine.profilegen.roofline", "share of peak", shares)


def _operations(model: Path) -> tuple[int, int]:
    """Return the floating-point operations of a token without the output layer, and of that layer."""
    from gguf import GGUFReader

    sizes = {tensor.name: int(tensor.n_elements) for tensor in GGUFReader(model).tensors if len(tensor.shape) > 1}
    embedding = sizes.pop("token_embd.weight", 0)
    output = sizes.pop("output.weight", embedding)  # tied to the embedding where there is none
    # A product and a sum for each weight.
    return 2 * sum(sizes.values()), 2 * output


# --- the job, the same for all -----------------------------------------------------------------------------


def _turns(user: User) -> tuple[tuple[Any, str], ...]:
    from profilegen.backends import turns_from

    return turns_from((_FOLDER / "profile.txt").read_text().replace("{{ texts }}", user.prompt_text(_MAX_PROMPT_CHARS)))


@cache
def _schema() -> dict[str, Any]:
    return dict(json.loads((_FOLDER / "profile.schema.json").read_text()))


@cache
def _gbnf() -> str:
    return (_FOLDER / "profile.gbnf").read_text()


def _messages(user: User) -> list[Any]:
    return [{"role": role, "content": content} for role, content in _turns(user)]


def _round(start: float, answers: Sequence[tuple[str, int, int]]) -> Round:
    """Return the round of (text, tokens read, tokens written)."""
    seconds = time.perf_counter() - start
    return Round(
        len(answers),
        seconds,
        n_read=sum(read for _, read, _ in answers),
        n_written=sum(written for _, _, written in answers),
        n_valid=sum(_is_complete(text) for text, _, _ in answers),
    )


def _is_complete(text: str) -> bool:
    try:
        return set(json.loads(text)) == set(_schema()["required"])
    except (ValueError, TypeError):
        return False


# --- the contestants; each runs in its own process ----------------------------------------------------


def load_profilegen(model: str) -> Callable[[Sequence[User]], Round]:
    """Return a function that writes with profilegen.

    :param model: GGUF file.
    """
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
    """Return a function that writes with `Llama.create_chat_completion`, one user after the other.

    :param model: GGUF file.
    """
    from llama_cpp import Llama, LlamaGrammar

    chat = Llama(model, n_ctx=_CONTEXT_TOKENS, n_threads=cores(), n_threads_batch=cores(), verbose=False)

    def ask(user: User) -> tuple[str, int, int]:
        answer: Any = chat.create_chat_completion(
            _messages(user),
            grammar=LlamaGrammar.from_string(_gbnf(), verbose=False),
            temperature=0.0,
            repeat_penalty=1.0,
            max_tokens=_MAX_ANSWER_TOKENS,
        )
        return _counted(answer)

    def run(users: Sequence[User]) -> Round:
        start = time.perf_counter()
        return _round(start, [ask(user) for user in users])

    return run


def load_server(model: str) -> Callable[[Sequence[User]], Round]:
    """Return a function that writes with llama.cpp's server in this process: 16 slots, prefix cache, flash attention.

    :param model: GGUF file.
    """
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
                "messages": _messages(user),
                "grammar": _gbnf(),
                "temperature": 0.0,
                "repeat_penalty": 1.0,
                "max_tokens": _MAX_ANSWER_TOKENS,
            }
        )
        return _counted(json.loads(answer) if isinstance(answer, str | bytes) else answer)

    def run(users: Sequence[User]) -> Round:
        start = time.perf_counter()
        with ThreadPoolExecutor(_SLOTS) as pool:
            return _round(start, list(pool.map(ask, users)))

    return run


def _counted(answer: dict[str, Any]) -> tuple[str, int, int]:
    """Return the text of an answer and the numbers of tokens read and written."""
    usage = answer["usage"]
    text = answer["choices"][0]["message"]["content"]
    return str(text), int(usage["prompt_tokens"]), int(usage["completion_tokens"])


def load_stage(store: str) -> Callable[[Sequence[User]], Round]:
    """Return a function that reads, checks and sums up users as a build does, with the models loaded.

    :param store: directory of a finished store, which is copied.
    """
    from profilegen.backends import Options, no_progress, open_embedder
    from profilegen.config import load_settings
    from profilegen.pipeline.model_choice import verifiers_for, writers_for
    from profilegen.pipeline.models import Models
    from profilegen.pipeline.profiles import write_profiles
    from profilegen.pipeline.reading import check_notes, write_notes
    from profilegen.store.ledger import LEDGER_FILE, open_ledger

    copy = tempfile.TemporaryDirectory()
    shutil.copy(Path(store) / LEDGER_FILE, copy.name)
    ledger = open_ledger(Path(copy.name), create=True)
    settings = load_settings(store=Path(copy.name))
    embedder = open_embedder(ledger.get_meta("embedder")["source"], Options(workers=settings.workers))
    languages = Counter(ledger.user_languages())
    models = Models(
        embedder, writers_for(languages, settings, no_progress), verifiers_for(languages, settings, no_progress)
    )

    def run(users: Sequence[User], _kept: Any = copy) -> Round:
        start = time.perf_counter()
        wanted = {user.user_id: "bench" for user in users}
        for user_id in wanted:
            ledger.keep_readings(user_id, [])
        failures, _ = write_notes(ledger, wanted, models, settings, no_progress)
        check_notes(ledger, models, {}, no_progress)
        write_profiles(ledger, wanted, failures, models, settings, no_progress)
        return Round(len(users), time.perf_counter() - start, 0, 0, len(users))

    return run

"""Chat templates: those of models are rendered as by llama-cpp-python, and a hostile one is ended."""

import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import llama_cpp
import pytest
from llama_cpp import llama_chat_format
from test_worker import children

from profilegen.backends import Answer, Choices, Failure, Options, Prompt, Turn
from profilegen.errors import ModelError
from profilegen.llama import chat_template, native
from profilegen.llama.catalog import ResolvedModel
from profilegen.llama.chat_template import MAX_PROMPT_CHARS, MAX_TEMPLATE_CHARS, ChatTemplate
from profilegen.llama.writer import GgufWriter

EMBEDDER, WRITER = "all-minilm-l6-v2", "smollm2-135m-instruct"
MESSAGES = [
    {"role": "system", "content": "Be short. "},
    {"role": "user", "content": "Who are you?"},
    {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nNobody."},
    {"role": "user", "content": "你好 & <b>"},
]
TAKES_TOO_MUCH = {
    "a text of 10 GB": '{{ "a" * 10**10 }}',
    "a text of 10 GB in a constant": '{{ "a" * 10000000000 }}',
    "a text that doubles": '{% set n = namespace(x="a") %}{% for _ in range(99) %}{% set n.x = n.x*2 %}{% endfor %}',
    "a list that doubles": "{% set n = namespace(x=[1]) %}{% for _ in range(99) %}{% set n.x = n.x*2 %}{% endfor %}",
    "a format of 1 GB": '{{ "%999999999d" % 1 }}',
    "loops with output": "{% for _ in range(99999) %}{% for _ in range(99999) %}aaaaaaaaaaaaaa{% endfor %}{% endfor %}",
    "loops without output": "{% for _ in range(99999) %}{% for _ in range(99999) %}{% endfor %}{% endfor %}",
    "a large power": "{% set x = 10**(10**8) %}",
    "squares of squares": "{% set n = namespace(x=3) %}{% for _ in range(60) %}{% set n.x = n.x*n.x %}{% endfor %}",
    "a macro that branches": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "many constants": '{{ ("a" * 1000000)|upper|lower|upper|length }}' * 3_000,
}
FAILS = {
    "a macro that calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "parentheses": "{{ " + "(" * 60_000 + "1" + ")" * 60_000 + " }}",
    "a long sum": "{{ 1" + "+1" * 5_000 + " }}",
    "nested conditions": "{% if 1 %}" * 5_000 + "{% endif %}" * 5_000,
    "a large range": "{{ range(10**12)|list }}",
    "a division by zero": "{{ 1 / 0 }}",
    "the class of an object": "{{ messages.__class__.__mro__ }}",
    "a file": "{% include '/etc/passwd' %}",
    "no template": "{% for %}",
    "a change of what it was given": "{{ messages.append(1) }}",
}


def render(source: str) -> str:
    return ChatTemplate(source, "<s>", "</s>").render(MESSAGES)


@pytest.fixture
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "_MAX_SECONDS", 0.5)
    monkeypatch.setattr(chat_template, "_MAX_MEMORY_BYTES", 64 << 20)


@pytest.mark.usefixtures("_small_bounds")
@pytest.mark.parametrize("source", TAKES_TOO_MUCH.values(), ids=TAKES_TOO_MUCH)
def test_a_template_that_takes_too_much_is_an_error(source: str) -> None:
    with pytest.raises(ModelError, match="takes too much time or memory"):
        render(source)


@pytest.mark.parametrize("source", FAILS.values(), ids=FAILS)
def test_a_template_that_fails_is_an_error_of_one_line(source: str) -> None:
    with pytest.raises(ModelError, match="the model's chat template fails: ") as raised:
        render(source)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.usefixtures("_small_bounds")
@pytest.mark.parametrize("source", ['{{ "a" * 10**10 }}', TAKES_TOO_MUCH["loops without output"], "{{ 1 / 0 }}", "ok"])
def test_the_limits_of_the_process_are_restored(source: str) -> None:
    def handler(*_: object) -> None:
        pass

    before = resource.getrlimit(resource.RLIMIT_AS)
    ours = signal.signal(signal.SIGALRM, handler)
    try:
        try:
            render(source)
        except ModelError:
            assert source != "ok"
        assert resource.getrlimit(resource.RLIMIT_AS) == before
        assert signal.getsignal(signal.SIGALRM) is handler
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    finally:
        signal.signal(signal.SIGALRM, ours)


@pytest.mark.usefixtures("_small_bounds")
def test_a_template_that_took_too_much_once_is_not_run_again() -> None:
    template = ChatTemplate('{{ messages[0].content }}{% if messages|length == 4 %}{{ "a" * 10**10 }}{% endif %}')
    assert template.render(MESSAGES[:1]) == "Be short. "
    for messages in (MESSAGES, MESSAGES[:1]):
        with pytest.raises(ModelError, match="takes too much time or memory"):
            template.render(messages)


def test_a_template_that_hangs_in_one_call_ends_its_process() -> None:
    # Two lists of equal texts: to compare them is one call into C, which no signal handler interrupts.
    source = '{% set a = "a" * 10000000 %}{{ [a ~ "b"] * 100000 == [a ~ "b"] * 100000 }}'
    program = f"""
        from profilegen.llama import chat_template

        chat_template._MAX_SECONDS, chat_template._MAX_PROCESSOR_SECONDS = 0.5, 1.0
        chat_template.ChatTemplate({source!r}).render([])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGVTALRM, done.stderr


def test_a_template_that_is_too_long_is_not_compiled() -> None:
    with pytest.raises(ModelError, match="has 300,000 characters, over 200,000"):
        ChatTemplate("a" * 300_000)
    assert ChatTemplate("a" * MAX_TEMPLATE_CHARS).render(MESSAGES) == "a" * MAX_TEMPLATE_CHARS


def test_a_prompt_that_is_too_long_is_an_error() -> None:
    with pytest.raises(ModelError, match="makes a prompt of 4,000,001 characters"):
        render(f'{{{{ "a" * {MAX_PROMPT_CHARS + 1} }}}}')


@pytest.mark.parametrize(
    ("source", "prompt"),
    [
        ("{{ bos_token }}{{ messages[0]['content'] | trim }}{{ eos_token }}", "<s>Be short.</s>"),
        ("{{ messages[3].content | tojson }}", '"你好 & <b>"'),
        ("{{ '%d' % (strftime_now('%Y') | int > 2025) }}", "1"),
        ("{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.role }}{% endfor %}", "system"),
        ("{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role[0] }}{% endfor %}", "uau"),
        ("{% if not tools is defined %}{% set tools = none %}{% endif %}{{ tools is none }}", "True"),
        ("{% if documents %}some{% else %}none{% endif %}", "none"),
        ("{% if add_generation_prompt %}go{% endif %}", "go"),
        ("{% generation %}{{ messages[1].content }}{% endgeneration %}", "Who are you?"),
        ("{% for m in messages[::-1] %}{{ m.role[0] }}{% endfor %}", "uaus"),
        ("{{ messages[2].content.split('</think>')[-1].lstrip('\\n') }}", "Nobody."),
        ("{% set n = namespace(i=0) %}{% for m in messages %}{% set n.i = n.i + 1 %}{% endfor %}{{ n.i }}", "4"),
        ("{{ messages[0].content is string and messages[0] is mapping }}", "True"),
        ("  {% if true %}\n  a\n  {% endif %}\n", "  a\n"),
    ],
)
def test_a_template_has_what_templates_of_models_use(source: str, prompt: str) -> None:
    assert render(source) == prompt


def test_the_message_that_a_template_raises_is_shown() -> None:
    with pytest.raises(ModelError, match="the model's chat template fails: System role not supported"):
        render("{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}")


@pytest.mark.parametrize(
    "source",
    [llama_chat_format.CHATML_CHAT_TEMPLATE, llama_chat_format.LLAMA3_INSTRUCT_CHAT_TEMPLATE, WRITER],
    ids=["ChatML", "Llama 3", "SmolLM2"],
)
def test_a_template_is_rendered_as_llama_cpp_python_renders_it(source: str, models: dict[str, ResolvedModel]) -> None:
    if source == WRITER:
        source = own_template(models[WRITER].path)
    formatter = llama_chat_format.Jinja2ChatFormatter(source, eos_token="</s>", bos_token="<s>")
    prompt = render(source)
    assert prompt == formatter(messages=MESSAGES).prompt
    assert MESSAGES[-1]["content"] in prompt


def test_a_model_without_a_template_gets_chatml(models: dict[str, ResolvedModel]) -> None:
    model = native.load_model(str(models[EMBEDDER].path))
    template = ChatTemplate.from_model(model, llama_cpp.llama_model_get_vocab(model))
    assert template.render(MESSAGES[:2]) == (
        "<|im_start|>system\nBe short. <|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n"
    )


# --- a real model whose file has a hostile template ----------------------------------------------------------

SHARED: tuple[Turn, ...] = (("system", "You answer questions."),)
PROMPTS = {n: Prompt(SHARED, f"Is {n} even?", Choices(("yes", "no")), 5) for n in range(3)}
_CHATML = llama_chat_format.CHATML_CHAT_TEMPLATE


def own_template(path: Path) -> str:
    model = native.load_model(str(path))
    try:
        return bytes(llama_cpp.llama_model_chat_template(model, None)).decode()
    finally:
        llama_cpp.llama_model_free(model)


def with_template(model: ResolvedModel, folder: Path, source: str) -> ResolvedModel:
    """Return the model from a file that has another template in the place of its own."""
    own = own_template(model.path).encode()
    assert len(source) <= len(own)
    data = model.path.read_bytes()
    assert data.count(own) == 1
    path = folder / "hostile.gguf"
    path.write_bytes(data.replace(own, source.encode().ljust(len(own))))
    return model.model_copy(update={"path": path})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('{{ messages[0].content }}{{ "a" * 10**10 }}', "takes too much time or memory"),
        ("{% for _ in range(99999) %}{% for _ in range(99999) %}{% endfor %}{% endfor %}", "takes too much time"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "maximum recursion depth"),
        ("{{ raise_exception('no') }}", "the model's chat template fails: no"),
        ("{{ messages[0].content }}", "leaves out or changes what it is asked"),
    ],
    ids=["memory", "time", "recursion", "refusal", "no request"],
)
def test_a_hostile_template_fails_each_prompt_and_leaves_the_child_alive(
    source: str, reason: str, models: dict[str, ResolvedModel], tmp_path: Path
) -> None:
    hostile = with_template(models[WRITER], tmp_path, source)
    with GgufWriter(hostile, Options(workers=1, slots=2, context_tokens=256)) as writer:
        writer.start(SHARED)
        before = children()
        answers = dict(writer.write(PROMPTS.items()))
        assert children() == before
    assert answers.keys() == PROMPTS.keys()
    assert all(isinstance(answer, Failure) and reason in answer.reason for answer in answers.values())


def test_a_template_that_cannot_be_compiled_is_an_error_of_one_line(
    models: dict[str, ResolvedModel], tmp_path: Path
) -> None:
    broken = with_template(models[WRITER], tmp_path, "{% for message in %}")
    with (
        GgufWriter(broken, Options()) as writer,
        pytest.raises(ModelError, match="the model's chat template fails") as raised,
    ):
        list(writer.write(PROMPTS.items()))
    assert len(str(raised.value).splitlines()) == 1


def test_a_replaced_template_is_used(models: dict[str, ResolvedModel], tmp_path: Path) -> None:
    with GgufWriter(with_template(models[WRITER], tmp_path, _CHATML), Options(slots=2)) as writer:
        assert all(isinstance(answer, Answer) for _, answer in writer.write(PROMPTS.items()))

import os
import subprocess
import sys
from pathlib import Path

import pytest

from profilegen.config import CONFIG_FILE, Settings, SettingsOptions, load_settings
from profilegen.errors import UsageError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without the settings of whoever runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PROFILEGEN_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_file_variables_and_flags_every_setting_has_a_default() -> None:
    settings = load_settings()
    assert settings.store == Path("store")
    assert settings.embedder == settings.writer == settings.verifier == "auto"
    assert not settings.special_subjects
    assert settings.workers >= 1


def test_a_flag_is_stronger_than_the_environment_and_that_than_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / CONFIG_FILE).write_text('seed = 1\nslots = 1\nwriter = "from the file"\n', "utf-8")
    monkeypatch.setenv("PROFILEGEN_SEED", "2")
    monkeypatch.setenv("PROFILEGEN_SLOTS", "2")
    settings = load_settings(seed=3)
    assert (settings.seed, settings.slots, settings.writer) == (3, 2, "from the file")


def test_a_flag_that_is_none_leaves_the_setting_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILEGEN_SEED", "7")
    assert load_settings(seed=None).seed == 7


def test_zero_is_a_flag_and_not_the_lack_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILEGEN_SEED", "7")
    assert load_settings(seed=0).seed == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "-1"),
        ("seed", "many"),
        ("min_cluster_size", "1"),
        ("max_bad", "1.5"),
        ("max_bad", "nan"),
        ("workers", "0"),
        ("workers", "257"),
        ("slots", "256"),
        ("context_tokens", "10"),
        ("gpu_layers", "-2"),
        ("read", "99"),
        ("special_subjects", "perhaps"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_given(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PROFILEGEN_{name.upper()}", value)
    with pytest.raises(UsageError, match=rf"'{name}' is wrong: .*{value}") as error:
        load_settings()
    assert CONFIG_FILE in str(error.value)


def test_an_unknown_name_in_the_file_is_named(here: Path) -> None:
    (here / CONFIG_FILE).write_text("sede = 1\n", "utf-8")
    with pytest.raises(UsageError, match=f"{CONFIG_FILE}.*'sede'"):
        load_settings()


@pytest.mark.parametrize("content", [b"seed 1", b"seed = \xff\xfe", b'store = "open'])
def test_a_file_that_is_no_toml_is_named(here: Path, content: bytes) -> None:
    (here / CONFIG_FILE).write_bytes(content)
    with pytest.raises(UsageError, match=f"{CONFIG_FILE} is not valid TOML"):
        load_settings()


def test_the_variables_that_name_folders_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILEGEN_MODELS", "/models")
    monkeypatch.setenv("PROFILEGEN_PROMPTS", "/prompts")
    assert load_settings() == load_settings(seed=42)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().seed = 1


def test_every_setting_is_a_typed_keyword_argument() -> None:
    assert {*SettingsOptions.__annotations__} == {*Settings.model_fields}


def test_a_type_checker_finds_a_misspelled_setting_and_a_value_of_the_wrong_type(here: Path) -> None:
    (here / "caller.py").write_text(
        "import profilegen\n"
        'profilegen.build("in.csv", seed=1, workers=None)\n'
        'profilegen.build("in.csv", sede=1)\n'
        'profilegen.build("in.csv", workers="two")\n',
        "utf-8",
    )
    config = Path(__file__).parents[1] / "pyproject.toml"
    command = [sys.executable, "-m", "mypy", f"--config-file={config}", f"--cache-dir={config.parent / '.mypy_cache'}"]
    variables = os.environ | {"MYPYPATH": str(config.parent)}
    done = subprocess.run([*command, "caller.py"], capture_output=True, text=True, env=variables, check=False)
    errors = [line for line in done.stdout.splitlines() if line.startswith("caller.py") and ": error:" in line]
    assert [line.split(":")[1] for line in errors] == ["3", "4"], done.stdout + done.stderr
    assert 'Unexpected keyword argument "sede"' in errors[0]
    assert 'incompatible type "str"' in errors[1]

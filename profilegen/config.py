"""Settings: `profilegen.toml`, then the environment, then flags, from weak to strong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from profilegen.errors import UsageError

Level = Literal["off", "standard", "strict"]
"""How much is masked: nothing; what identifies by itself; also names, dates of birth, plates and all links."""
CONFIG_FILE = "profilegen.toml"


class BuildOptions(TypedDict, total=False):
    """Every setting but the store, as keyword arguments; None leaves one to the environment and the file."""

    embedder: str | None
    writer: str | None
    verifier: str | None
    read: int | None
    special_subjects: bool | None
    half_life_days: float | None
    mask: Level | None
    pseudonyms: str | Path | None
    taxonomy: str | None
    seed: int | None
    min_cluster_size: int | None
    max_bad: float | None
    min_segment_users: int | None
    workers: int | None
    slots: int | None
    context_tokens: int | None
    gpu_layers: int | None


class SettingsOptions(BuildOptions, total=False):
    """Every setting as a keyword argument."""

    store: str | Path | None


class Settings(BaseSettings):
    """What a user may set. Each field is also `PROFILEGEN_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="PROFILEGEN_", toml_file=CONFIG_FILE, extra="forbid", frozen=True)

    store: Path = Field(Path("store"), description="Directory of the store.")
    embedder: str = Field("auto", description="Name or path of the embedding model; auto follows the data.")
    writer: str = Field("auto", description="Name or path of the writing model; auto follows the data.")
    verifier: str = Field("auto", description="Name or path of the verifying model; auto follows the data.")
    read: int = Field(1_500, ge=100, le=1_000_000, description="Tokens of each user's texts that the writer reads.")
    special_subjects: bool = Field(
        False, description="Whether claims on health, faith, politics, sexuality, origin and unions are made."
    )
    half_life_days: float = Field(
        180, gt=0, le=36_500, description="Days after which evidence counts half, when the trend of a claim is told."
    )
    mask: Level = Field("standard", description="What gives way to placeholders in texts: off, standard or strict.")
    pseudonyms: Path | None = Field(
        None, description="File of the key by which user ids become pseudonyms; made where there is none."
    )
    taxonomy: str = Field(
        "auto", description="File of interest categories; auto keeps the store's, default is the list that ships."
    )
    seed: int = Field(42, ge=0, description="Seed of UMAP, so that the same users give the same segments.")
    min_cluster_size: int | None = Field(
        None,
        ge=2,
        description="Smallest segment; by default chosen by how well segments separate users.",
    )
    max_bad: float = Field(0.01, ge=0, le=1, description="Share of bad input lines past which a build stops.")
    min_segment_users: int = Field(
        5, ge=1, description="Segments of fewer users are shown to others without words and number of users."
    )
    workers: int = Field(
        default_factory=lambda: _cores(),
        ge=1,
        le=256,
        description="Processes that hold a model, each of one thread; by default as many as there are cores.",
    )
    slots: int = Field(16, ge=1, le=255, description="Answers that one writer process works on at a time.")
    context_tokens: int = Field(1_792, ge=256, description="Tokens of prompt and answer together, per slot.")
    gpu_layers: int = Field(0, ge=-1, description="Layers of the writer on a GPU; -1 for all.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put options before the environment and the environment before the file.

        :param settings_cls: this class.
        :param init_settings: the options.
        :param env_settings: the environment.
        :param dotenv_settings: not used.
        :param file_secret_settings: not used.
        """
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**options: Unpack[SettingsOptions]) -> Settings:
    """Return the settings: these options, then the environment, then the file, from strong to weak.

    :param options: fields of `Settings`; one that is None counts as not given.
    :return: the settings, validated and immutable.
    :raises UsageError: a value or a name is wrong; the message says which and where it may come from.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = ".".join(str(part) for part in wrong["loc"])
        if wrong["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            raise UsageError(f"{CONFIG_FILE}: there is no setting {name!r}; the settings are {known}") from None
        raise UsageError(
            f"the setting {name!r} is wrong: {wrong['msg']} (got {wrong['input']!r}); settings come from "
            f"{CONFIG_FILE}, PROFILEGEN_* variables and flags"
        ) from None
    except ValueError as error:  # tomllib's
        raise UsageError(f"{CONFIG_FILE} is not valid TOML: {error}") from None


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

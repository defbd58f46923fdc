from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from profilegen.backends import Cascade, Model, Verdict, Verifier, open_embedder, open_writer
from profilegen.errors import ModelError


@pytest.mark.parametrize("open_model", [open_embedder, open_writer])
def test_a_backend_that_does_not_exist_is_named_with_those_that_do(open_model: Callable[[str], Model]) -> None:
    with pytest.raises(ModelError, match=r"no backend 'toi'.* gguf:NAME"):
        open_model("toi:words")


def test_a_backend_without_a_model_is_refused() -> None:
    with pytest.raises(ModelError, match="write gguf:NAME"):
        open_embedder("gguf:")


def test_a_path_with_a_colon_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toi:words").write_bytes(b"none")
    for path in ("toi:words", f"{tmp_path}/other:words"):
        with pytest.raises(ModelError) as error:
            open_embedder(path)
        assert "backend" not in str(error.value)


def test_the_scheme_of_the_default_backend_may_be_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model called nothing"):
        open_writer("gguf:nothing")


class _StandInVerifier(Verifier):
    """Gives the probability that stands in the claim, and remembers what it was asked."""

    def __init__(self, name: str, shift: float, veto: float) -> None:
        self.name = self.source = self.fingerprint = name
        self.threshold, self.veto, self._shift = 0.5, veto, shift
        self.asked: list[str] = []

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        self.asked += [claim for _, claim in pairs]
        if on_done:
            on_done(len(pairs))
        probabilities = [float(claim) + self._shift for _, claim in pairs]
        return [Verdict("shown" if value >= 0.5 else "not shown", value) for value in probabilities]


def test_a_cascade_asks_the_larger_verifier_only_what_the_smaller_one_lets_pass() -> None:
    small, large = _StandInVerifier("small", 0, 0.2), _StandInVerifier("large", -0.25, 0)
    done: list[int] = []
    verdicts = Cascade([small, large]).verify([("t", "0.1"), ("t", "0.5"), ("t", "0.75"), ("t", "0.2")], done.append)
    assert large.asked == ["0.5", "0.75", "0.2"]
    assert [verdict.probability for verdict in verdicts] == pytest.approx([0.1, 0.25, 0.5, -0.05])
    assert [verdict.label for verdict in verdicts] == ["not shown", "not shown", "shown", "not shown"]
    assert sum(done) == 4


def test_a_cascade_is_another_verifier_than_its_parts_and_than_one_with_another_veto() -> None:
    cascades = [Cascade([_StandInVerifier("a", 0, veto), _StandInVerifier("b", 0, 0)]) for veto in (0.1, 0.2)]
    assert len({"a", "b", *(cascade.fingerprint for cascade in cascades)}) == 4
    assert cascades[0].source == "a,b"

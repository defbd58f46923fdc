"""The texts that models are trained on."""

import pytest

from training import check


def test_the_training_data_is_whole_and_repeats_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main() == 0, capsys.readouterr().err

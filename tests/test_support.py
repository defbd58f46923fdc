"""Support as a probability, and the figures that say whether it is one."""

from __future__ import annotations

import numpy as np
import pytest

from profilegen.claims.support import Bin, Calibration, brier, calibrated, fit_calibration, reliability, support


def test_one_document_gives_its_own_probability() -> None:
    assert support([0.9]) == pytest.approx(0.9)


def test_further_documents_raise_support_less_than_if_they_were_independent() -> None:
    assert 0.8 < support([0.8, 0.6]) < 1 - 0.2 * 0.4


def test_the_order_of_documents_does_not_matter() -> None:
    assert support([0.6, 0.9, 0.7]) == support([0.9, 0.7, 0.6])


def test_support_is_never_certain_and_without_documents_zero() -> None:
    assert support([1.0] * 100) == 0.98
    assert support([]) == 0


def test_a_verifier_that_is_too_sure_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.02, 0.98, 4_000)
    true = [bool(value) for value in rng.uniform(size=4_000) < truth]
    too_sure = calibrated(list(truth), Calibration(slope=3))
    fitted = fit_calibration(list(too_sure), true)
    assert fitted.slope == pytest.approx(1 / 3, abs=0.04)
    assert brier(list(calibrated(list(too_sure), fitted)), true) < brier(list(too_sure), true)
    assert support([0.95], fitted) < 0.95


def test_nothing_is_fitted_to_one_kind_of_answer() -> None:
    assert fit_calibration([0.1, 0.9], [True, True]) == Calibration()


def test_extreme_probabilities_stay_finite() -> None:
    assert np.isfinite(calibrated([0, 1], Calibration(2, 1))).all()


def test_reliability_compares_probabilities_with_shares_by_bin() -> None:
    bins = reliability([0.05, 0.95, 0.91, 1.0], [False, True, True, False])
    assert bins[0] == Bin(1, 0.05, 0)
    assert bins[1:] == [pytest.approx((3, 2.86 / 3, 2 / 3))]


def test_brier_is_a_quarter_for_a_coin() -> None:
    assert brier([0.5, 0.5], [True, False]) == 0.25

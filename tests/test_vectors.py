"""Texts and items to documents, documents to users."""

import numpy as np
import pytest

from profilegen.segments.user_vectors import ITEM_WEIGHT, document_vectors, user_vector

TEXT, ITEM, NONE = (np.array(row, np.float32) for row in ([1, 0], [0, 1], [0, 0]))


def test_a_document_lies_between_its_text_and_its_item_nearer_to_the_item() -> None:
    both, text, item, none = document_vectors(np.array([TEXT, TEXT, NONE, NONE]), np.array([ITEM, NONE, ITEM, NONE]))
    expected = np.array([1, ITEM_WEIGHT]) / np.hypot(1, ITEM_WEIGHT)
    assert both == pytest.approx(expected)
    assert both[1] > both[0]
    assert text.tolist() == TEXT.tolist()
    assert item.tolist() == ITEM.tolist()
    assert not none.any()


def test_a_user_lies_in_the_middle_of_the_documents() -> None:
    assert user_vector(np.array([TEXT, ITEM])) == pytest.approx([0.5**0.5, 0.5**0.5])

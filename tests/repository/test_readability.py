"""A newcomer who has not studied statistics can read the first pages."""

import pytest

from conftest import REPOSITORY
from frameworth.answers.answer import sentences as answer_sentences
from statement_numbers import CHANGES, NUMBERS
from tools.readability import grade, prose, sentences, syllables

HARDEST = 10  # years of school
LONGEST = 30  # words
FIRST = ["README.md", "docs/tutorial.md", "docs/what-it-can-tell.md"]


def test_known_words_and_texts_are_graded_as_they_are():
    counted = {"frame": 1, "labels": 2, "table": 2, "networks": 2, "report": 2, "missed": 1, "animal": 3, "noises": 2}
    assert {word: syllables(word) for word in counted} == counted
    assert grade("The cat sat on the mat.") == pytest.approx(0.39 * 6 + 11.8 - 15.59)
    hard = "Heteroscedasticity-consistent covariance estimation necessitates asymptotic approximations."
    assert grade(hard) > 25


def test_code_tables_headings_and_addresses_are_no_prose():
    page = "# Title\n\nOne [word](a/b.md) `x` here.\n\n```sh\nrm -rf it\n```\n\n| a | b |\n\n- Two.\n- Three.\n"
    assert sentences(prose(page)) == ["One word code here.", "- Two.", "Three."]


@pytest.mark.parametrize("page", sorted(path.name for path in (REPOSITORY / "docs").glob("*.md")))
def test_no_page_is_hard(page):
    assert grade(prose((REPOSITORY / "docs" / page).read_text())) <= HARDEST


@pytest.mark.parametrize("page", FIRST)
def test_a_first_page_reads_easily(page):
    text = prose((REPOSITORY / page).read_text())
    too_long = [sentence for sentence in sentences(text) if len(sentence.split()) > LONGEST]
    assert too_long == []
    assert grade(text) <= HARDEST


@pytest.mark.parametrize("change", CHANGES)
def test_the_answer_reads_easily(change):
    assert grade(" ".join(answer_sentences(NUMBERS | CHANGES[change], 0.05))) <= HARDEST

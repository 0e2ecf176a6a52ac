"""Measure how easy a page is to read by its Flesch–Kincaid grade, which is about the years of school needed.

Source: Kincaid, Fishburne, Rogers and Chissom 1975, Derivation of new readability formulas.
"""

from __future__ import annotations

import re

_LEFT_OUT = (
    r"```.*?```",  # code
    r"^\|.*$",  # tables
    r"^#+ .*$",  # headings
    r"!\[[^\]]*\]\([^)]*\)",  # pictures
)
_VOWELS = re.compile(r"[aeiouy]+")


def prose(page: str) -> str:
    """The sentences of a Markdown page; a link is replaced by its words, inline code by one short word."""
    for part in _LEFT_OUT:
        page = re.sub(part, "\n\n", page, flags=re.DOTALL if part.startswith("```") else re.MULTILINE)
    page = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", page)
    return re.sub(r"`[^`]*`", "code", page).replace("*", "")


def sentences(text: str) -> list[str]:
    """The sentences of a text; a paragraph or an item of a list ends one, too."""
    paragraphs = re.split(r"\n\s*\n|\n\s*(?:-|\d+\.) ", text)
    parts = [part for text in paragraphs for part in re.split(r"(?<=[.!?])\s+(?=\S)", " ".join(text.split()))]
    return [sentence for sentence in parts if re.search(r"[A-Za-z]", sentence)]


def syllables(word: str) -> int:
    """The approximate number of syllables of an English word: its groups of vowels, minus a silent one."""
    word = word.lower()
    silent = re.search(r"[^aeiouyl]e$|[^aeioudt]ed$|[^aeiousxz]es$", word) is not None
    return max(1, len(_VOWELS.findall(word)) - silent)


def grade(text: str) -> float:
    """The Flesch–Kincaid grade of plain text."""
    words = re.findall(r"\w[\w.'’-]*", text)
    length = len(words) / len(sentences(text))
    return 0.39 * length + 11.8 * sum(map(syllables, words)) / len(words) - 15.59

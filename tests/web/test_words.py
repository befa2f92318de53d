"""What pages and scripts say: sentences are marked for translation, and no code is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
from django.template import Context, Template
from django.utils.functional import Promise

from autodialer.web import words
from autodialer.web.words import WORDS

SOURCE: Final = Path(words.__file__).parent / "static/src"
TEMPLATES: Final = Path(words.__file__).parent / "templates"
SCRIPTS: Final = {file.name: file.read_text() for file in SOURCE.rglob("*.js")}
SENTENCE: Final = re.compile(r"""["'`]([A-Z][a-z]+ [^"'`\n]*)["'`]""")
COMMENT: Final = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
ERRORS: Final = {"NotAllowedError", "InvalidStateError", "SecurityError"}  # of the browser


def code(script: str) -> str:
    return COMMENT.sub("", SCRIPTS[script])


def test_no_comment_of_a_template_is_shown() -> None:
    """Django ends {# #} with the line: a comment that goes on is text of the page."""
    texts = {file.name: file.read_text() for file in TEMPLATES.rglob("*.html")}
    goes_on = re.compile(r"\{#(?!.*#\})")
    assert texts
    assert [name for name, text in texts.items() if goes_on.search(text)] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_sentence_stands_in_a_script(script: str) -> None:
    assert SENTENCE.findall(code(script)) == []


def test_scripts_say_what_there_is_and_all_of_it() -> None:
    said = {key for script in SCRIPTS for key in re.findall(r'\bsay\("([\w-]+)"', code(script))}
    assert said | ERRORS == set(WORDS["page"])


def test_every_state_of_the_phone_has_a_sentence() -> None:
    text = code("softphone.js")
    (block,) = re.findall(r"State = Object\.freeze\(\{(.*?)\}\)", text, re.DOTALL)
    states = set(re.findall(r'"([a-z-]+)"', block))
    named = re.findall(r'State\.[A-Z_]+, "([a-z-]+)"|\]: "([a-z-]+)"', text)
    states.remove("blocked")  # always told with its reason
    assert states | {one or other for one, other in named} == set(WORDS["phone"])


def test_sentences_are_marked_and_handed_over_as_data() -> None:
    assert all(isinstance(one, Promise) for each in WORDS.values() for one in each.values())
    shown = Template("{% load ui %}{% words 'page' %}").render(Context())
    assert shown.startswith('<script id="words-page" type="application/json">')
    data = json.loads(shown.partition(">")[2].rpartition("<")[0])
    assert data == {key: str(sentence) for key, sentence in WORDS["page"].items()}

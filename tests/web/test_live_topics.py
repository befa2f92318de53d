"""Pages watch what there is: one unknown name would leave the whole page without its stream."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from autodialer.web.topics import TOPICS

TEMPLATES: Final = Path("src/autodialer/web/templates")
KINDS: Final = {topic.kind for topic in TOPICS}
WATCHED: Final = re.compile(r"{% block live %}(.*?){% endblock|data-live-also=\"(.*?)\"", re.DOTALL)
MARKUP: Final = re.compile(r"{%.*?%}|{{.*?}}")


def kinds_in(template: str) -> set[str]:
    """The kinds of the topics that a template names."""
    named = (block or also for block, also in WATCHED.findall(template))
    words = " ".join(MARKUP.sub("", each) for each in named).split()
    return {word.partition(":")[0] for word in words}


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=str)
def test_what_a_page_watches_is_registered(path: Path) -> None:
    assert kinds_in(path.read_text()) <= KINDS


def test_the_names_in_a_template_are_seen() -> None:
    block = "{% block live %}agent moon:{{ row.id }}{% endblock %}"
    also = '<div data-live-also="{% for row in rows %}sun:{{ row.id }} {% endfor %}">'
    assert kinds_in(block + also) == {"agent", "moon", "sun"}

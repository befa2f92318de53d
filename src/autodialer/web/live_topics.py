"""What pages can watch: a table of topics, each with who may watch it and how it is rendered.

A page builder registers a topic once, beside the views of the subject (`TOPICS` of a module in
`web/views`, collected by `web/topics.py`). The hub (`web/live.py`) does the rest: when something
that the topic shows has changed, it renders once for everybody with the same `View` and sends to
each only the elements that differ from what was sent last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django.template.loader import render_to_string

from autodialer.apps.accounts.actor import Actor
from autodialer.domain.errors import NotFoundError
from autodialer.ports.screens import Change, Shown
from autodialer.web.ids import parse_id

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.accounts.models import Account, User
    from autodialer.domain.people import Role

# A campaign's figures are counted at most five times a second, however many calls end in it.
PACE_S: Final = 0.2
AT_ONCE: Final = 0.0
# Numbers of one request: a page of a list, and then some.
MOST_TOPICS: Final = 250


@dataclass(frozen=True, slots=True)
class View:
    """For whom something is rendered. Who has an equal view gets the same bytes.

    It knows no user on purpose: what is rendered for one must be right for all.
    """

    account: Account
    role: Role
    language: str
    # Rows of one id are equal: these are the columns, which other settings make another view.
    columns: str
    # When it is rendered.
    now: datetime = field(compare=False)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who watches, in the browser session of `session_key`."""

    user: User
    language: str
    session_key: str
    user_columns: str
    account_columns: str

    @property
    def account(self) -> Account:
        """The only account of which this person sees anything."""
        return self.user.account

    @property
    def actor(self) -> Actor:
        """The person, for the guards of the services."""
        return Actor.of(self.user)

    def view(self, now: datetime) -> View:
        """Return how this person sees what everybody of the role sees."""
        return View(self.account, self.actor.role, self.language, self.account_columns, now)


# HTML by the id of the element that it replaces, which it contains; see `signal` for names with !.
Fragments: TypeAlias = Mapping[str, str]
Authorise: TypeAlias = Callable[[Viewer, int], None]
Render: TypeAlias = Callable[[View, Sequence[int]], Mapping[int, Fragments]]
ShownIn: TypeAlias = Callable[[Change], int | None]


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that pages watch, such as the figures of a campaign.

    kind: its name in `data-live`, followed by `:id` unless `own_id` is given.
    authorise: raises NotFoundError or NotAllowedError unless the viewer may watch this id. Called
        in a thread of Django's when a page connects and, with the same view, never again: a
        change of the session, the role or the account's people ends the stream instead.
    render: the fragments of several ids for one view, with the number of queries of one. Leaves
        out ids that are no more.
    shown_in: the id of the topic that shows this change, None when none does.
    pace_s: seconds between two renderings of one id at least, more when they take long (Desk);
        AT_ONCE: as soon as it has changed.
    own_id: for topics that are the viewer's own, such as `agent`: their id.
    """

    kind: str
    authorise: Authorise
    render: Render
    shown_in: ShownIn
    pace_s: float = PACE_S
    own_id: Callable[[Viewer], int] | None = None


class UnknownTopicError(NotFoundError):
    """A page asked to be kept up to date about something that nobody registered."""

    code = "unknown_topic"


class Topics:
    """The topics that there are, by kind."""

    def __init__(self, topics: Iterable[Topic] = ()) -> None:
        self._by_kind: dict[str, Topic] = {}
        for topic in topics:
            self.add(topic)

    def add(self, topic: Topic) -> None:
        """Make a topic known. Raises ValueError for a second one of its kind."""
        if topic.kind in self._by_kind:
            raise ValueError(f"There are two topics {topic.kind!r}.")
        self._by_kind[topic.kind] = topic

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._by_kind.values())

    def asked_for(self, name: str, viewer: Viewer) -> tuple[Topic, int]:
        """Return the topic and the id of a name such as `campaign:12`, which the viewer may watch.

        Raises NotFoundError or NotAllowedError.
        """
        kind, _, number = name.partition(":")
        topic = self._by_kind.get(kind)
        if topic is None:
            raise UnknownTopicError("There is nothing like that to watch.")
        watched = _id_of(topic, number, viewer)
        topic.authorise(viewer, watched)
        return topic, watched


def _id_of(topic: Topic, number: str, viewer: Viewer) -> int:
    if topic.own_id is not None:
        return topic.own_id(viewer)
    watched = parse_id(number)
    if watched is None:
        raise UnknownTopicError("There is nothing like that to watch.")
    return watched


def the_id_of(what: Shown) -> ShownIn:
    """Return what to give as `shown_in` for a topic about one campaign, user or import."""
    return lambda change: change.id if change.what is what else None


def the_account_of(*what: Shown) -> ShownIn:
    """Return what to give as `shown_in` for a topic about all such things of an account."""
    return lambda change: change.account_id if change.what in what else None


def own_account(viewer: Viewer) -> int:
    """Return what to give as `own_id` for a topic about the viewer's account."""
    return viewer.account.pk


def fragment(template: str, **context: Any) -> str:
    """Render a `_*.html` template for a fragment; there is no request."""
    return render_to_string(template, context)


def signal(name: str, value: object) -> Fragments:
    """Return a fragment that is no HTML: elements with `data-live-signal=name` get an event.

    They get the DOM event `live` when `value` differs from their `data-live-value`, and then ask
    for what they show by themselves (`hx-trigger="live"`).
    """
    return {f"!{name}": str(value)}

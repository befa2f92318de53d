"""Agents at work: who is connected, and starting or stopping one of them.

Whom an agent is talking to is for people's screens alone: no key reads it here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import Field

from autodialer.api.fields import Body, Id, ListAsked, Page, Reply
from autodialer.api.operations import operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1.parts import answer_part
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls import queries
from autodialer.apps.calls.queries import AgentState
from autodialer.apps.calls.services import start_session, stop_session
from autodialer.apps.calls.start import CannotStartError
from autodialer.domain.errors import NotAllowedError

if TYPE_CHECKING:
    from autodialer.apps.calls.queries import AgentRow

router: Final = Router()
_P = Permission
_ALL: Final = "/agent-sessions"
_ONE: Final = f"{_ALL}/{{session_id}}"


class SessionsAsked(ListAsked):
    """Which of the agents who are connected."""

    campaign_id: Id | None = None
    user_id: Id | None = None


class SessionReply(Reply):
    """An agent's session, from Start to the end of the agent's leg, and what the agent does now."""

    id: str
    campaign_id: str
    user_id: str
    agent: str
    state: AgentState
    since: datetime
    is_stopping: bool
    end_reason: str = Field(description="Empty while the session lives.")
    why: str = Field(description="The reason as a sentence.")


class StartBody(Body):
    """Who starts in which campaign, and on which device: the default one unless said."""

    campaign_id: Id
    user_id: Id
    device_id: Id | None = None


class StopBody(Body):
    """Whether the present call is cut, or finished first."""

    at_once: bool = False


@operation(router, "GET", _ALL, _P.WATCH_AGENTS, replies={200: Page[SessionReply]})
def list_agent_sessions(request: ApiRequest, asked: Query[SessionsAsked]) -> Page[SessionReply]:
    """List the agents who are connected, and what each does."""
    return answer_part(
        Page[SessionReply],
        request,
        asked,
        order=queries.SESSION_ORDER,
        fetch=lambda after, limit: queries.sessions_part(
            request.account,
            campaign_id=asked.campaign_id,
            user_id=asked.user_id,
            after=after,
            limit=limit,
        ),
        show=_reply,
    )


@operation(
    router,
    "POST",
    _ALL,
    _P.START_OTHER_AGENT,
    replies={201: SessionReply, 200: SessionReply},
    refuses=(402, 404),
)
def start_agent(
    request: ApiRequest, body: StartBody, response: HttpResponse
) -> Status[SessionReply]:
    """Start an agent: a dialer calls them first, then the numbers of the campaign.

    One who is connected in this campaign already stays so: 200. Everything that would refuse
    the agent's own Start refuses this one, with the same codes.
    """
    try:
        started = start_session(
            account=request.account,
            campaign_id=body.campaign_id,
            user_id=body.user_id,
            device_id=body.device_id,
            now=request.now,
            actor=request.actor,
        )
    except CannotStartError as error:
        if error.code == "not_in_campaign":
            raise NotAllowedError(str(error)) from error
        raise
    response["Location"] = f"{request.path}/{started.session_id}"
    reply = _reply(queries.session_row(request.account, started.session_id))
    return Status(201 if started.is_new else 200, reply)


@operation(router, "GET", _ONE, _P.WATCH_AGENTS, replies={200: SessionReply}, refuses=(404,))
def get_agent_session(request: ApiRequest, session_id: UUID) -> SessionReply:
    """Read a session, also one that ended."""
    return _reply(queries.session_row(request.account, session_id))


@operation(
    router,
    "POST",
    f"{_ONE}/stop",
    _P.STOP_OTHER_AGENT,
    replies={202: SessionReply},
    refuses=(404,),
)
def stop_agent(request: ApiRequest, session_id: UUID, body: StopBody) -> Status[SessionReply]:
    """Stop an agent: after the present call, or at once, which cuts it. Repeatable."""
    stop_session(
        account=request.account,
        session_id=session_id,
        at_once=body.at_once,
        now=request.now,
        actor=request.actor,
    )
    return Status(202, _reply(queries.session_row(request.account, session_id)))


def _reply(row: AgentRow) -> SessionReply:
    return SessionReply(
        id=str(row.session_id),
        campaign_id=str(row.campaign_id),
        user_id=str(row.user_id),
        agent=row.agent,
        state=row.state,
        since=row.since,
        is_stopping=row.stopping,
        end_reason=row.end_reason,
        why=row.why,
    )

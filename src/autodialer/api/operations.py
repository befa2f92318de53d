"""One decorator for every endpoint: who may, what it takes, and every answer that it can give.

    @operation(router, "GET", "/campaigns/{campaign_id}", Permission.VIEW_CAMPAIGN,
               replies={200: CampaignReply}, refuses=(404,))
    def get_campaign(request: ApiRequest, campaign_id: Id) -> CampaignReply: ...

The guard runs before the fields are read: permission, Accept, Content-Type, body, names of
parameters, If-Match. What the endpoint itself raises becomes a problem (`problems.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.core.exceptions import SuspiciousOperation
from django.http.multipartparser import MultiPartParserError

from autodialer.api.bodies import read_object
from autodialer.api.problems import MEDIA_TYPE, TITLES, ApiError, FieldProblem, invalid
from autodialer.apps.accounts.permissions import RULES, may
from autodialer.apps.accounts.scopes import scopes_with

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.http import HttpResponse
    from ninja import Router
    from ninja.operation import Operation

    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.permissions import Permission

    View = TypeVar("View", bound=Callable[..., Any])

JSON: Final = "application/json"
FILES: Final = "multipart/form-data"
_ALWAYS: Final = (400, 401, 403, 406, 422, 429, 500, 503)
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PROBLEM: Final = {"schema": {"$ref": "#/components/schemas/Problem"}}
_ONCE: Final = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Sent again with the same key, the request is answered again, not carried out.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_IF_MATCH: Final = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "The `ETag` of what is changed, as it was read.",
    "schema": {"type": "string"},
}


class Guard:
    """What an operation asks of a request before it looks at the fields."""

    def __init__(
        self, permission: Permission, produces: str, consumes: str, *, is_matched: bool
    ) -> None:
        self.permission = permission
        self._produces, self._consumes, self._is_matched = produces, consumes, is_matched
        self._has_body = False
        self._parameters: frozenset[str] = frozenset()

    def learn(self, operation: Operation) -> None:
        """Take from the endpoint's signature what it reads."""
        sources = {model.__ninja_param_source__: model for model in operation.models}
        self._has_body = "body" in sources
        if "query" in sources:
            self._parameters = frozenset(sources["query"].__ninja_flatten_map__)

    def __call__(self, request: ApiRequest) -> bool:
        """Return True for a request that may go on. Raises ApiError."""
        self._check_permission(request)
        self._check_accept(request)
        self._check_parameters(request)
        if request.method in _WRITES and self._consumes == JSON:
            request.sent = self._read(request)
        elif request.method in _WRITES:
            _check_form(request)
        if self._is_matched and not request.headers.get("If-Match"):
            raise ApiError(
                "precondition_required",
                "Read it first, and send its `ETag` as `If-Match`: somebody else may change it.",
            )
        return True

    def _check_permission(self, request: ApiRequest) -> None:
        if may(request.actor, self.permission):
            return
        scopes = scopes_with(self.permission)
        needed = f"the scope {scopes[0]}" if scopes else "a person: no key may do it"
        raise ApiError("missing_scope", f"To {RULES[self.permission].to_do} needs {needed}.")

    def _check_accept(self, request: ApiRequest) -> None:
        if not request.accepts(self._produces):
            raise ApiError("not_acceptable", f"This address answers in {self._produces}.")

    def _check_parameters(self, request: ApiRequest) -> None:
        unknown = sorted(set(request.GET) - self._parameters)
        if unknown:
            legal = ", ".join(sorted(self._parameters)) or "none"
            message = f"The parameters here are: {legal}."
            raise invalid(
                [FieldProblem(f"?{name[:80]}", "unknown_parameter", message) for name in unknown]
            )

    def _read(self, request: ApiRequest) -> Mapping[str, Any]:
        """Return the JSON body; one that an operation without fields gets must have none."""
        if not request.body:
            return read_object(b"") if self._has_body else {}
        charset = (request.content_params or {}).get("charset", "utf-8").lower()
        if request.content_type != JSON or charset not in {"utf-8", "utf8"}:
            raise ApiError("media_type_unsupported", "Send the body as `application/json`.")
        sent = read_object(request.body)
        if sent and not self._has_body:
            unknown = [
                FieldProblem(f"/{name}", "unknown_field", "There is no such field.")
                for name in sent
            ]
            raise invalid(unknown)
        return sent


def _check_form(request: ApiRequest) -> None:
    """Raise ApiError unless the body is a form that can be read; reading it does that."""
    if request.content_type != FILES:
        raise ApiError("media_type_unsupported", f"Send the file as `{FILES}`.")
    try:
        request.FILES  # noqa: B018  parsed when it is first looked at
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise ApiError("malformed", f"The form cannot be read: {error}") from None


def operation(
    router: Router,
    method: str,
    path: str,
    permission: Permission,
    *,
    replies: Mapping[int, Any],
    refuses: Sequence[int] = (),
    produces: str = JSON,
    consumes: str = JSON,
    is_matched: bool = False,
    documented: Mapping[int, Any] | None = None,
) -> Callable[[View], View]:
    """Return the decorator that makes a function an endpoint.

    `replies` are the successes and their types (None: no body), `refuses` the refusals beyond
    those that every operation has. `is_matched`: it takes If-Match. `documented` describes
    successes that are no JSON.
    """
    guard = Guard(permission, produces, consumes, is_matched=is_matched)

    def decorate(view: View) -> View:
        view._ninja_contribute_to_operation = [guard.learn]  # type: ignore[attr-defined]
        register = router.api_operation(
            [method],
            path,
            auth=guard,
            response=dict(replies),
            operation_id=view.__name__,
            summary=view.__name__.replace("_", " ").capitalize(),
            description=_described(view, permission),
            openapi_extra={
                **_described_answers(method, refuses, documented or {}, is_matched=is_matched),
                "x-scopes": [scope.value for scope in scopes_with(permission)],
            },
        )
        registered: View = register(view)
        return registered

    return decorate


def tagged(response: HttpResponse, version: str) -> None:
    """Say which version is answered."""
    response["ETag"] = f'"{version}"'


def check_match(request: ApiRequest, version: str) -> None:
    """Raise ApiError unless the version that the client has read is the present one.

    Between this and the change somebody else may come: give the version to the service, too.
    """
    etag = f'"{version}"'
    asked = [each.strip() for each in request.headers.get("If-Match", "").split(",")]
    if etag not in asked and "*" not in asked:
        raise ApiError(
            "changed_meanwhile",
            "It was changed since you read it: read it again.",
            headers={"ETag": etag},
        )


def _described(view: Callable[..., Any], permission: Permission) -> str:
    first, _, rest = (view.__doc__ or "").strip().partition("\n")
    scopes = " or ".join(f"`{scope}`" for scope in scopes_with(permission))
    return "\n\n".join(filter(None, [first, rest.strip(), f"Scope: {scopes}."]))


def _described_answers(
    method: str, refuses: Sequence[int], files: Mapping[int, Any], *, is_matched: bool
) -> dict[str, Any]:
    statuses = {*_ALWAYS, *refuses}
    parameters: list[Mapping[str, Any]] = []
    if method in _WRITES:
        statuses |= {413, 415}
    if method == "POST":
        statuses |= {409}
        parameters.append(_ONCE)
    if is_matched:
        statuses |= {412, 428}
        parameters.append(_IF_MATCH)
    answers = {
        status: {"description": TITLES[status], "content": {MEDIA_TYPE: _PROBLEM}}
        for status in sorted(statuses)
    }
    return {"responses": {**answers, **files}, "parameters": parameters}

"""The review page as an ASGI application: an endpoint for each address and each form."""

from __future__ import annotations

import contextlib
import functools
import reprlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from profilegen.errors import ProfilegenError, UsageError
from profilegen.publish import charts, export, receipts
from profilegen.records import KINDS, MAX_NAME_CHARS, Kind, kind_named, one_line
from profilegen.review import actions, security, views
from profilegen.review.queue import queue_page
from profilegen.review.selection import MAX_USERS, parse_selection, select_users
from profilegen.review.session import Session, Snapshot, named_segments
from profilegen.store import overlay
from profilegen.store.ledger import Audience, ChangedError, Ledger

_HERE = Path(__file__).parent
_PAGE_USERS, _QUEUE_USERS, _SIMILAR_USERS, _LATEST_DOCUMENTS = 50, 5, 6, 20
_MAX_FORM_BYTES, _MAX_FORM_FIELDS = 200_000, 200
_REVIEWER_COOKIE, _YEAR_S = "profilegen_reviewer", 365 * 24 * 3600

Form = dict[str, str]


def make_app(directory: Path, *, token: str, loopback_only: bool = True) -> Starlette:
    """Return the page of a store as an ASGI application, which closes the store when it is shut down.

    :param directory: the store.
    :param token: what a browser must send to see anything.
    :param loopback_only: whether only this machine can reach the server, so that other host names are refused.
    :raises StoreError: there is no store, or it cannot be written to.
    """
    app = Starlette(
        routes=[
            Route("/", _get(_overview)),
            Route("/segment", _get(_segment)),
            Route("/segment/rename", _post(_rename_segment), methods=["POST"]),
            Route("/user", _get(_user)),
            Route("/user/similar", _get(_similar_users)),
            Route("/user/claim", _post(_decide_on_claim), methods=["POST"]),
            Route("/user/add", _post(_add_claim), methods=["POST"]),
            Route("/user/profile", _post(_decide_on_profile), methods=["POST"]),
            Route("/user/forget", _post(_forget_user), methods=["POST"]),
            Route("/document", _get(_document)),
            Route("/queue", _get(_queue)),
            Route("/search", _get(_search)),
            Route("/search/results", _get(_search_results)),
            Route("/list.{format}", _get(_export_list)),
            Route("/lists", _get(_lists)),
            Route("/lists", _post(_save_list), methods=["POST"]),
            Route("/lists/remove", _post(_remove_list), methods=["POST"]),
            Route("/map/points", _get(_map_points)),
            Route("/map/user", _get(_map_user)),
            Route("/reviewer", _post(_set_reviewer), methods=["POST"]),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        middleware=[Middleware(security.Guard, token=token, loopback_only=loopback_only)],
        exception_handlers={ProfilegenError: _show_error, HTTPException: _show_error},
        lifespan=_lifespan,
    )
    app.state.session = Session(directory)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    app.state.session.close()


class _Context(NamedTuple):
    """What an endpoint answers from. The ledger is for reading, and for this request alone."""

    request: Request
    session: Session
    ledger: Ledger
    form: Form

    @property
    def snapshot(self) -> Snapshot:
        """The same throughout a request, so that its parts fit together when a build ends meanwhile."""
        if not hasattr(self.request.state, "snapshot"):
            self.request.state.snapshot = self.session.snapshot(self.ledger)
        return cast("Snapshot", self.request.state.snapshot)

    def parameter(self, name: str) -> str:
        """Return a parameter of the address, empty if it is not there."""
        return self.request.query_params.get(name, "")

    def field(self, name: str) -> str:
        """Return a field of the form, empty if it is not there."""
        return self.form.get(name, "")

    @property
    def page_number(self) -> int:
        return max(1, _number(self.parameter("page")) or 1)

    @property
    def reviewer(self) -> str:
        """The name that the reviewer has given, or empty."""
        return one_line(unquote(self.request.cookies.get(_REVIEWER_COOKIE, "")))[:MAX_NAME_CHARS]

    @property
    def required_reviewer(self) -> str:
        if not self.reviewer:
            raise UsageError("enter your name at the top of the page first")
        return self.reviewer


# Pages


def _overview(context: _Context) -> Response:
    snapshot = context.snapshot
    segments = named_segments(context.ledger, snapshot)
    map_ = snapshot.map and {
        "version": snapshot.map.version,
        "segments": [
            {
                "name": segment.name,
                "colour": snapshot.colours[segment.id],
                "size": segment.size,
                "centre": snapshot.map.centres.get(segment.id),
            }
            for segment in segments
        ],
    }
    users = sum(segment.size for segment in segments)
    return _page(context, "overview", snapshot=snapshot, segments=segments, map=map_, users_in_segments=users)


def _segment(context: _Context) -> Response:
    ledger, snapshot, page = context.ledger, context.snapshot, context.page_number
    segment_id = context.parameter("id")
    segment = next((one for one in named_segments(ledger, snapshot) if one.id == segment_id), None)
    if segment is None:
        raise HTTPException(404, "There is no such segment. A build may have replaced it.")
    shown = segment.members[(page - 1) * _PAGE_USERS : page * _PAGE_USERS]
    cited = views.cited_documents(ledger, segment)
    return _page(
        context,
        "segment",
        segment=segment,
        groups=[group for id_ in segment.groups if (group := ledger.segment_groups().get(id_))],
        version=ledger.decision_version(("", "", segment.id)),
        interests=[(claim, views.load_quotes(claim.evidence, cited)) for claim in segment.interests],
        traits=views.segment_traits(segment, snapshot.trait_users, snapshot.counts.users),
        share=segment.size / max(snapshot.counts.users, 1),
        stability=_stability(ledger, segment.id),
        exemplars=list(ledger.documents(segment.exemplars).values()),
        members=[profile for user_id in shown if (profile := overlay.profile(ledger, user_id))],
        page=page,
        pages=-(-len(segment.members) // _PAGE_USERS),
    )


def _user(context: _Context) -> Response:
    user_id = context.parameter("id")
    card = views.load_card(context.ledger, user_id)
    documents = context.ledger.user_documents(user_id)
    if card is None and not documents:
        raise HTTPException(404, "There is no such user in the store.")
    return _page(
        context,
        "user",
        user_id=user_id,
        card=card,
        chart=charts.over_time(documents),
        timeline=charts.claims_over_time(card.profile) if card else None,
        ratings=charts.ratings(documents),
        documents=documents[::-1][:_LATEST_DOCUMENTS],
        document_count=len(documents),
    )


def _similar_users(context: _Context) -> Response:
    try:
        similar = context.session.similar(context.parameter("id"), _SIMILAR_USERS)
    except UsageError:
        similar = []
    return _page(context, "similar", similar=similar)


def _document(context: _Context) -> Response:
    document = context.ledger.document(context.parameter("id"))
    if document is None:
        raise HTTPException(404, "There is no such document. A build may have removed it.")
    words = context.parameter("quote")
    is_quote = bool(words) and words in document.text
    quote_ = views.quote_in_context(document, words, context_chars=len(document.text)) if is_quote else None
    return _page(context, "document", document=document, quote=quote_)


def _queue(context: _Context) -> Response:
    page = context.page_number
    items = queue_page(context.ledger, _QUEUE_USERS + 1, (page - 1) * _QUEUE_USERS)
    cards = [
        (item.reason, card) for item in items[:_QUEUE_USERS] if (card := views.load_card(context.ledger, item.user_id))
    ]
    return _page(context, "queue", cards=cards, page=page, more=len(items) > _QUEUE_USERS)


def _search(context: _Context) -> Response:
    selection = parse_selection(context.request.query_params)
    address = urlencode(selection.parameters | {"page": str(context.page_number)})
    languages = context.snapshot.languages
    return _page(context, "search", selection=selection, address=address, languages=languages)


def _search_results(context: _Context) -> Response:
    selection = parse_selection(context.request.query_params)
    page = context.page_number
    offset = (page - 1) * _PAGE_USERS
    matches = select_users(context.session, context.ledger, selection, offset, _PAGE_USERS + 1)
    return _page(
        context,
        "results",
        matches=matches[:_PAGE_USERS],
        page=page,
        first=offset + 1,
        more=len(matches) > _PAGE_USERS,
        address=urlencode(selection.parameters),
    )


def _lists(context: _Context) -> Response:
    return _page(context, "lists", audiences=context.ledger.audiences())


# Data


def _export_list(context: _Context) -> Response:
    format_ = context.request.path_params["format"]
    if format_ not in {"jsonl", "csv"}:
        raise HTTPException(404, "A list can be exported as jsonl or csv.")
    selection = parse_selection(context.request.query_params)
    matches = select_users(context.session, context.ledger, selection, 0, MAX_USERS)
    return Response(
        export.users_as_bytes((match.profile for match in matches), cast("Literal['jsonl', 'csv']", format_)),
        media_type="text/csv; charset=utf-8" if format_ == "csv" else "application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="users.{format_}"'},
    )


def _map_points(context: _Context) -> Response:
    map_ = context.snapshot.map
    if map_ is None or map_.version != context.parameter("v"):
        raise HTTPException(409, "The store has been built again; reload the page.")
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(map_.data, media_type="application/octet-stream", headers=headers)


def _map_user(context: _Context) -> Response:
    map_ = context.snapshot.map
    row = _number(context.parameter("row"))
    if map_ is None or map_.version != context.parameter("v"):
        raise HTTPException(409, "The store has been built again; reload the page.")
    if row is None or row >= len(map_.user_ids):
        raise HTTPException(404, "There is no such point.")
    user_id = map_.user_ids[row]
    profile = overlay.profile(context.ledger, user_id)
    segment = overlay.segment(context.ledger, profile.segment) if profile and profile.segment else None
    return JSONResponse(
        {
            "user_id": user_id,
            "segment": segment.name if segment else "",
            "summary": profile.summary or profile.reason or "" if profile else "",
            "address": "/user?" + urlencode({"id": user_id}),
        }
    )


# Forms


def _decide_on_claim(context: _Context) -> Response:
    done = {"approve": "Approved", "edit": "Edited", "strike": "Struck", "undo": "Undone"}
    action = context.field("action")
    if action not in done:
        raise UsageError(f"there is no action {reprlib.repr(action)}")

    def act(user_id: str, by: str) -> None:
        context.session.write(
            actions.decide_on_claim,
            user_id,
            context.field("kind"),
            context.field("text"),
            cast("actions.ClaimAction", action),
            by=by,
            version=context.field("version"),
            words=context.field("words"),
        )

    return _answer_action(context, act, done[action])


def _add_claim(context: _Context) -> Response:
    words, quote_, write = context.field("words"), context.field("quote"), context.session.write
    return _answer_action(
        context,
        lambda user_id, by: write(actions.add_claim, user_id, _kind(context), words, by=by, quote=quote_),
        "Added",
    )


def _decide_on_profile(context: _Context) -> Response:
    action, note, version = context.field("action"), context.field("note"), context.field("version")
    write = context.session.write
    known: dict[str, tuple[Callable[[str, str], Any], str]] = {
        "approve_all": (
            lambda user_id, by: write(actions.approve_all, user_id, by=by, version=version),
            "Approved all",
        ),
        "flag": (lambda user_id, by: write(actions.flag, user_id, note, by=by), "Flagged"),
        "unflag": (lambda user_id, by: write(actions.unflag, user_id, by=by), "Flag removed"),
        "rewrite": (
            lambda user_id, by: write(actions.request_rewrite, user_id, by=by),
            "The next build writes this profile again",
        ),
    }
    if action not in known:
        raise UsageError(f"there is no action {reprlib.repr(action)}")
    return _answer_action(context, *known[action])


def _answer_action(context: _Context, act: Callable[[str, str], Any], done: str) -> Response:
    """Act on a user's profile, and answer with its card as it is now, or as another reviewer made it meanwhile.

    :param act: takes the id of the user and the name of the reviewer.
    :param done: says that it was done.
    """
    user_id = context.field("user_id")
    status, message = 200, done
    try:
        act(user_id, context.required_reviewer)
    except ChangedError as error:
        status, message = 409, str(error)
    except UsageError as error:
        status, message = 422, str(error)
    card = views.load_card(context.ledger, user_id)
    if card is None:
        raise HTTPException(404, "The user is not there any more.")
    if "hx-request" in context.request.headers:
        return _page(context, "action_result", status, card=card, message=message, is_error=status != 200)
    if status != 200:
        raise HTTPException(status, message)
    return RedirectResponse("/user?" + urlencode({"id": user_id}), 303)


def _forget_user(context: _Context) -> Response:
    """Forget a user; answer with the receipt, as JSON where that is asked for. Status 202: not all is done."""
    if context.field("confirm") != "yes":
        raise UsageError("to forget a user cannot be undone; confirm it with the box")
    _ = context.required_reviewer
    receipt = context.session.forget(context.field("user_id"))
    status = 202 if receipt.pending else 200
    if "application/json" in context.request.headers.get("accept", ""):
        return JSONResponse(receipt.model_dump(mode="json"), status)
    return _page(context, "forgotten", status, lines=list(receipts.receipt_lines(receipt)), pending=receipt.pending)


def _rename_segment(context: _Context) -> Response:
    segment_id, name, version = context.field("segment"), context.field("name"), context.field("version")
    by = context.required_reviewer
    context.session.write(actions.rename_segment, segment_id, name, by=by, version=version)
    return RedirectResponse("/segment?" + urlencode({"id": segment_id}), 303)


def _save_list(context: _Context) -> Response:
    name = one_line(context.field("name"))[:MAX_NAME_CHARS]
    if not name:
        raise UsageError("the list needs a name")
    selection = parse_selection(dict(parse_qsl(context.field("address"))))
    by, now = context.required_reviewer, datetime.now(UTC)
    matches = select_users(context.session, context.ledger, selection, 0, MAX_USERS)
    audience = Audience(name=name, found_by=selection.describe(), by=by, at=now)
    context.session.write(actions.save_list, audience, [match.profile.user_id for match in matches])
    return RedirectResponse("/lists", 303)


def _remove_list(context: _Context) -> Response:
    context.session.write(actions.remove_list, context.field("name"))
    return RedirectResponse("/lists", 303)


def _set_reviewer(context: _Context) -> Response:
    name = one_line(context.field("name"))[:MAX_NAME_CHARS]
    if not name:
        raise UsageError("the name is empty")
    answer = RedirectResponse(_own_address(context.field("back")), 303)
    answer.set_cookie(_REVIEWER_COOKIE, quote(name), max_age=_YEAR_S, httponly=True, samesite="strict")
    return answer


# Requests and answers


def _get(endpoint: Callable[[_Context], Response]) -> Callable[[Request], Response]:
    """Return what Starlette calls, in a thread, to answer an address."""
    return lambda request: _answer(endpoint, request, {})


def _post(endpoint: Callable[[_Context], Response]) -> Callable[[Request], Any]:
    """Return what Starlette calls to answer a form, which must come from one of our pages."""

    async def checked(request: Request) -> Response:
        form = await _read_form(request)
        cookie = request.cookies.get(security.CSRF_COOKIE)
        if not cookie or not security.secrets_equal(form.get(security.CSRF_FIELD), cookie):
            raise HTTPException(403, "This page is out of date; reload it.")
        return await run_in_threadpool(_answer, endpoint, request, form)

    return checked


def _answer(endpoint: Callable[[_Context], Response], request: Request, form: Form) -> Response:
    session = cast("Session", request.app.state.session)
    with session.reading() as ledger:
        return endpoint(_Context(request, session, ledger, form))


async def _read_form(request: Request) -> Form:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM_BYTES:
                raise HTTPException(413, "The form is too large.")
    except ClientDisconnect:  # or cut off: nobody reads the answer
        raise HTTPException(400, "The form was not sent whole.") from None
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS)
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None
    # A form ends lines with `\r\n`; texts are stored with `\n`.
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


async def _show_error(request: Request, error: Exception) -> Response:
    """Answer with the error as a page, or as a message where a script asked."""
    if isinstance(error, HTTPException):
        status, message = error.status_code, str(error.detail)
    else:
        status = 409 if isinstance(error, ChangedError) else 422 if isinstance(error, UsageError) else 500
        message = str(error)
    template = "error_message" if "hx-request" in request.headers else "error"

    def endpoint(context: _Context) -> Response:
        return _page(context, template, status, message=message, status=status)

    return await run_in_threadpool(_answer, endpoint, request, {})


def _kind(context: _Context) -> Kind:
    kind = context.field("kind")
    if kind not in KINDS:
        raise UsageError(f"there is no kind of claim {reprlib.repr(kind)}")
    return kind


def _number(text: str) -> int | None:
    """Return the number that up to seven ASCII digits stand for, or None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else None


def _own_address(address: str) -> str:
    """Return an address on this server; anything else leads to the overview."""
    own = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if own and address.isprintable() else "/"


def _stability(ledger: Ledger, segment_id: str) -> Any:
    """Return the stability of a segment that `profilegen evaluate` has measured, or None."""
    evaluation = ledger.get_meta("evaluation") or {}
    return next((row["stability"] for row in evaluation.get("segments", ()) if row["id"] == segment_id), None)


def _page(context: _Context, template: str, status_code: int = 200, /, **values: Any) -> Response:
    """Render a template with the values that it needs, besides those that every template needs."""
    request, snapshot = context.request, context.snapshot
    csrf = request.cookies.get(security.CSRF_COOKIE) or security.new_token()
    names = {segment.id: segment.name for segment in named_segments(context.ledger, snapshot)}
    html = (
        _environment()
        .get_template(f"{template}.html.jinja")
        .render(
            **values,
            csrf=csrf,
            reviewer=context.reviewer,
            here=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
            decided=context.ledger.decided(),
            counts=snapshot.counts,
            names=names,
            colours=snapshot.colours,
            kinds=tuple(KINDS),
        )
    )
    answer = HTMLResponse(html, status_code)
    if security.CSRF_COOKIE not in request.cookies:
        answer.set_cookie(security.CSRF_COOKIE, csrf, httponly=True, samesite="strict")
    return answer


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,  # always, whatever the name of the template
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda share: f"{share:.0%}",
        "day": lambda time: time.date().isoformat() if time else "",
        "minute": lambda time: time.strftime("%Y-%m-%d %H:%M UTC"),
        "address": lambda parameters: urlencode(parameters),
        "counted": lambda count, noun: f"{count:,} {noun}{'' if count == 1 else 's'}",
        "heading": lambda kind: kind_named(kind).heading,
        "sentence": lambda text: text[:1].upper() + text[1:].rstrip(".") + ".",
    }
    return environment

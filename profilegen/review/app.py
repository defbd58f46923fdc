"""The page: which address shows what, and which form does what."""

from __future__ import annotations

import contextlib
import functools
import json
import reprlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args
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
from profilegen.publish import charts, export
from profilegen.publish.map import colours
from profilegen.records import KINDS, MAX_NAME_CHARS, Kind, one_line
from profilegen.review import actions, finding, queue, security, views
from profilegen.review.session import Session
from profilegen.store.ledger import Audience, ChangedError

_HERE = Path(__file__).parent
_PAGE_USERS, _QUEUE_USERS, _NEAR_USERS = 50, 5, 6
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
    session = Session(directory)
    app = Starlette(
        routes=[
            Route("/", _overview),
            Route("/segment", _segment),
            Route("/segment/rename", _posted(_rename), methods=["POST"]),
            Route("/user", _user),
            Route("/user/near", _near),
            Route("/user/claim", _posted(_claim), methods=["POST"]),
            Route("/user/add", _posted(_add), methods=["POST"]),
            Route("/user/profile", _posted(_profile), methods=["POST"]),
            Route("/document", _document),
            Route("/queue", _queue),
            Route("/search", _search),
            Route("/search/found", _found),
            Route("/list.{format}", _list),
            Route("/lists", _lists),
            Route("/lists", _posted(_save_list), methods=["POST"]),
            Route("/lists/remove", _posted(_remove_list), methods=["POST"]),
            Route("/map/points", _points),
            Route("/map/user", _point),
            Route("/reviewer", _posted(_reviewer), methods=["POST"]),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        middleware=[Middleware(security.Guard, token=token, loopback_only=loopback_only)],
        exception_handlers={ProfilegenError: _explained, HTTPException: _explained},
        lifespan=_lifespan,
    )
    app.state.session = session
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    app.state.session.close()


# What is shown


def _overview(request: Request) -> Response:
    session = _session(request)
    facts = session.facts()
    segments = session.segments()
    paints = _paints(session)
    drawn = facts.map and {
        "version": facts.map.version,
        "segments": [
            {"name": s.name, "colour": paints[s.id], "size": s.size, "centre": facts.map.centres.get(s.id)}
            for s in segments
        ],
    }
    users = sum(segment.size for segment in segments)
    return _page(request, "overview", facts=facts, segments=segments, map=drawn, users_in_segments=users)


def _segment(request: Request) -> Response:
    session = _session(request)
    facts = session.facts()
    segment = session.segment(request.query_params.get("id"))
    if segment is None:
        raise HTTPException(404, "There is no such segment. A build may have made others.")
    page = _page_number(request)
    shown = segment.members[(page - 1) * _PAGE_USERS : page * _PAGE_USERS]
    members = [profile for user_id in shown if (profile := session.store.user(user_id))]
    cited = session.store.cited(segment)
    return _page(
        request,
        "segment",
        segment=segment,
        seen=session.read.decision_version(("", "", segment.id)),
        interests=[(claim, views.quotes(claim.evidence, cited)) for claim in segment.interests],
        traits=views.traits(segment, facts.trait_users, facts.counts.users),
        share=segment.size / max(facts.counts.users, 1),
        stability=_stability(session, segment.id),
        exemplars=list(session.read.documents(segment.exemplars).values()),
        members=members,
        page=page,
        pages=-(-len(segment.members) // _PAGE_USERS),
    )


def _user(request: Request) -> Response:
    session = _session(request)
    user_id = request.query_params.get("id", "")
    card = views.card(session.read, user_id)
    documents = session.read.user_documents(user_id)
    if card is None and not documents:
        raise HTTPException(404, "There is no such user in the store.")
    return _page(
        request,
        "user",
        user_id=user_id,
        card=card,
        chart=charts.over_time(documents),
        ratings=charts.ratings(documents),
        documents=documents[::-1][:20],
        document_count=len(documents),
    )


def _near(request: Request) -> Response:
    session = _session(request)
    try:
        near = session.similar(request.query_params.get("id", ""), _NEAR_USERS)
    except UsageError:
        near = []
    return _page(request, "near", near=near)


def _document(request: Request) -> Response:
    document = _session(request).read.document(request.query_params.get("id", ""))
    if document is None:
        raise HTTPException(404, "There is no such document. A build may have removed it.")
    words = request.query_params.get("quote", "")
    shown = views.quote_in(document, words, context_chars=len(document.text)) if words in document.text else None
    return _page(request, "document", document=document, quote=shown if words else None)


def _queue(request: Request) -> Response:
    session = _session(request)
    page = _page_number(request)
    items = queue.waiting(session.read, _QUEUE_USERS + 1, (page - 1) * _QUEUE_USERS)
    cards = [(item.reason, card) for item in items[:_QUEUE_USERS] if (card := views.card(session.read, item.user_id))]
    return _page(request, "queue", cards=cards, page=page, more=len(items) > _QUEUE_USERS, facts=session.facts())


def _search(request: Request) -> Response:
    what = finding.asked(request.query_params)
    given = what.given | {"page": str(_page_number(request))}
    return _page(request, "search", asked=what, address=urlencode(given), facts=_session(request).facts())


def _found(request: Request) -> Response:
    what = finding.asked(request.query_params)
    page = _page_number(request)
    hits = finding.found(_session(request), what, (page - 1) * _PAGE_USERS, _PAGE_USERS + 1)
    return _page(
        request,
        "found",
        asked=what,
        hits=hits[:_PAGE_USERS],
        page=page,
        more=len(hits) > _PAGE_USERS,
        address=urlencode(what.given),
    )


def _list(request: Request) -> Response:
    session = _session(request)
    if request.path_params["format"] not in {"jsonl", "csv"}:
        raise HTTPException(404, "A list can be had as jsonl or csv.")
    format_ = cast("Any", request.path_params["format"])
    hits = finding.found(session, finding.asked(request.query_params), 0, finding.LIST_LIMIT)
    data = export.users_as_bytes((hit.profile for hit in hits), format_)
    return Response(
        data,
        media_type="text/csv; charset=utf-8" if format_ == "csv" else "application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="users.{format_}"'},
    )


def _lists(request: Request) -> Response:
    return _page(request, "lists", audiences=_session(request).read.audiences())


def _points(request: Request) -> Response:
    drawn = _session(request).facts().map
    if drawn is None or drawn.version != request.query_params.get("v"):
        raise HTTPException(409, "The store has been built again; load the page again.")
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(drawn.data, media_type="application/octet-stream", headers=headers)


def _point(request: Request) -> Response:
    session = _session(request)
    drawn = session.facts().map
    row = _number(request.query_params.get("row", ""))
    if drawn is None or drawn.version != request.query_params.get("v"):
        raise HTTPException(409, "The store has been built again; load the page again.")
    if row is None or row >= len(drawn.user_ids):
        raise HTTPException(404, "There is no such point.")
    user_id = drawn.user_ids[row]
    profile = session.store.user(user_id)
    segment = session.segment(profile.segment) if profile else None
    return JSONResponse(
        {
            "user_id": user_id,
            "segment": segment.name if segment else "",
            "summary": profile.summary or profile.reason or "" if profile else "",
            "address": "/user?" + urlencode({"id": user_id}),
        }
    )


# What is done


def _claim(request: Request, form: Form) -> Response:
    action = form.get("action", "")
    if action not in get_args(actions.ClaimAction):
        raise UsageError(f"there is no action {reprlib.repr(action)}")
    return _acted(
        request,
        form,
        {"approve": "Approved", "edit": "Edited", "strike": "Struck", "undo": "Taken back"}[action],
        actions.on_claim,
        form.get("user_id", ""),
        _kind(form),
        form.get("text", ""),
        action,
        seen=form.get("seen", ""),
        words=form.get("words", ""),
    )


def _add(request: Request, form: Form) -> Response:
    quoted = form.get("quote", "")
    words = form.get("words", "")
    return _acted(request, form, "Added", actions.add_claim, form.get("user_id", ""), _kind(form), words, quote=quoted)


def _profile(request: Request, form: Form) -> Response:
    action, user_id = form.get("action"), form.get("user_id", "")
    if action == "approve_all":
        return _acted(request, form, "Approved all", actions.approve_all, user_id, seen=form.get("seen", ""))
    if action == "flag":
        return _acted(request, form, "Flagged", actions.flag, user_id, form.get("note", ""))
    if action == "unflag":
        return _acted(request, form, "Flag taken off", actions.unflag, user_id)
    if action == "write_again":
        return _acted(request, form, "The next build writes this profile again", actions.write_again, user_id)
    raise UsageError(f"there is no action {reprlib.repr(action)}")


def _acted(
    request: Request, form: Form, done: str, act: Callable[..., Any], user_id: str, *rest: Any, **named: Any
) -> Response:
    """Act on a user's profile, and answer with its card: as it is now, or as somebody else made it meanwhile."""
    session = _session(request)
    status, said = 200, done
    try:
        session.act(act, user_id, *rest, by=_by(request), **named)
    except ChangedError as error:
        status, said = 409, str(error)
    except UsageError as error:
        status, said = 422, str(error)
    card = views.card(session.read, user_id)
    if card is None:
        raise HTTPException(404, "The user is not there any more.")
    if "hx-request" in request.headers:
        return _page(request, "acted", status, card=card, said=said, failed=status != 200)
    if status != 200:
        raise HTTPException(status, said)
    return RedirectResponse("/user?" + urlencode({"id": user_id}), 303)


def _rename(request: Request, form: Form) -> Response:
    segment_id = form.get("segment", "")
    _session(request).act(actions.rename, segment_id, form.get("name", ""), by=_by(request), seen=form.get("seen", ""))
    return RedirectResponse("/segment?" + urlencode({"id": segment_id}), 303)


def _save_list(request: Request, form: Form) -> Response:
    session = _session(request)
    name = one_line(form.get("name", ""))[:MAX_NAME_CHARS]
    if not name:
        raise UsageError("a list needs a name")
    if any(audience.name == name for audience in session.read.audiences()) and form.get("replace") != "yes":
        raise UsageError(f"there is a list called {name!r} already; choose another name")
    what = finding.asked(dict(parse_qsl(form.get("address", ""))))
    hits = finding.found(session, what, 0, finding.LIST_LIMIT)
    audience = Audience(name=name, found_by=what.in_words(), by=_by(request), at=datetime.now(UTC))
    session.act(_save, audience, [hit.profile.user_id for hit in hits])
    return RedirectResponse("/lists", 303)


def _save(ledger: Any, audience: Audience, user_ids: list[str]) -> None:
    ledger.save_audience(audience, user_ids)


def _remove_list(request: Request, form: Form) -> Response:
    _session(request).act(lambda ledger: ledger.remove_audience(form.get("name", "")))
    return RedirectResponse("/lists", 303)


def _reviewer(request: Request, form: Form) -> Response:
    name = one_line(form.get("name", ""))[:MAX_NAME_CHARS]
    if not name:
        raise UsageError("your name is empty")
    answer = RedirectResponse(_own_address(form.get("back", "")), 303)
    answer.set_cookie(_REVIEWER_COOKIE, quote(name), max_age=_YEAR_S, httponly=True, samesite="strict")
    return answer


# What the above is made of


def _posted(act: Callable[[Request, Form], Response]) -> Callable[[Request], Any]:
    """Read a form that comes from a page of ours, and act on it in a thread."""

    async def endpoint(request: Request) -> Response:
        form = await _read_form(request)
        cookie = request.cookies.get(security.CSRF_COOKIE)
        if not cookie or not security.secrets_equal(form.get(security.CSRF_FIELD), cookie):
            raise HTTPException(403, "This page is out of date; load it again.")
        return await run_in_threadpool(act, request, form)

    return endpoint


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
    # A form counts lines as `\r\n`; texts are stored with `\n`.
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def _session(request: Request) -> Session:
    return cast("Session", request.app.state.session)


def _by(request: Request) -> str:
    if name := _reviewer_name(request):
        return name
    raise UsageError("say who you are first: your name is asked at the top of the page")


def _reviewer_name(request: Request) -> str:
    return one_line(unquote(request.cookies.get(_REVIEWER_COOKIE, "")))[:MAX_NAME_CHARS]


def _kind(form: Mapping[str, str]) -> Kind:
    kind = form.get("kind", "")
    if kind not in KINDS:
        raise UsageError(f"there is no kind of claim {reprlib.repr(kind)}")
    return kind


def _page_number(request: Request) -> int:
    return max(1, _number(request.query_params.get("page", "")) or 1)


def _number(text: str) -> int | None:
    """Return the number that up to seven ASCII digits stand for, or None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else None


def _own_address(address: str) -> str:
    """Return an address on this page; anything else leads to the overview."""
    own = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if own and address.isprintable() else "/"


def _paints(session: Session) -> dict[str, str]:
    """Return the colour of each segment."""
    ids = [segment.id for segment in session.facts().segments]
    return dict(zip(ids, colours(len(ids)), strict=True))


def _stability(session: Session, segment_id: str) -> Any:
    """Return how stable `profilegen evaluate` found a segment, or None where it was not run."""
    evaluation = session.read.get_meta("evaluation") or {}
    return next((row["stability"] for row in evaluation.get("segments", ()) if row["id"] == segment_id), None)


async def _explained(request: Request, error: Exception) -> Response:
    """Answer with what went wrong, on the page if there is one, in plain text to a script."""
    if isinstance(error, HTTPException):
        status, said = error.status_code, str(error.detail)
    else:
        status = 409 if isinstance(error, ChangedError) else 422 if isinstance(error, UsageError) else 500
        said = str(error)
    if "hx-request" in request.headers:
        return await run_in_threadpool(_page, request, "failed", status, said=said)
    return await run_in_threadpool(_page, request, "error", status, said=said, status=status)


def _page(request: Request, template: str, status_code: int = 200, /, **shown: Any) -> Response:
    """Render a template, with what all of them need."""
    session = _session(request)
    csrf = request.cookies.get(security.CSRF_COOKIE) or security.new_token()
    html = (
        _environment()
        .get_template(f"{template}.html.jinja")
        .render(
            **shown,
            csrf=csrf,
            reviewer=_reviewer_name(request),
            here=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
            decided=session.decided(),
            counts=session.facts().counts,
            names={segment.id: segment.name for segment in session.segments()},
            paints=_paints(session),
            kinds=views.HEADINGS,
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
        autoescape=True,  # always, whatever a template is called
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
        "pretty_json": lambda value: json.dumps(value, ensure_ascii=False, indent=1),
    }
    return environment

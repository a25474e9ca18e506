"""A2A's words for runs, without a server."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from a2a.server.context import ServerCallContext
from a2a.types.a2a_pb2 import Message, Part, TaskArtifactUpdateEvent, TaskState
from sqlalchemy.exc import OperationalError

from app.domain.a2a.errors import AnswerUnclear, BadParams, ContentNotSupported
from app.domain.a2a.fold import Chunk, Fold, Told
from app.domain.a2a.handler import EXCHANGE, refused
from app.domain.a2a.parts import text_of
from app.domain.a2a.push import PushKeys
from app.domain.a2a.push.signing import NotOurs
from app.domain.a2a.refusals import rpc_error
from app.domain.a2a.service import decision, session_key
from app.lib.runlog.frames import frame

RUN = UUID("019ab000-0000-7000-8000-000000000000")


def frames(*events: tuple[str, dict[str, Any]], first: int = 1) -> bytes:
    return b"".join(
        frame(seq, name.encode(), msgspec.json.encode(data)) for seq, (name, data) in enumerate(events, first)
    )


def delta(text: str) -> tuple[str, dict[str, Any]]:
    return "message_delta", {"content": text}


BEGUN: tuple[str, dict[str, Any]] = ("session_initialized", {})
DONE = ("completed", {"final_message": ""})


def shown(told: list[Told]) -> list[Any]:
    """Chunks as they are, and of all else the state."""
    return [
        one.update
        if isinstance(one.update, Chunk)
        else one.update.artifact.name
        if isinstance(one.update, TaskArtifactUpdateEvent)
        else TaskState.Name(one.update.status.state).removeprefix("TASK_STATE_")
        for one in told
    ]


def test_pieces_that_come_together_are_told_as_one_and_the_last_says_so() -> None:
    fold = Fold(RUN, "c")

    told = fold.read(frames(BEGUN, delta("a"), delta("b"), DONE))

    assert shown(told) == ["WORKING", Chunk("ab", append=False, last=True), "COMPLETED"]
    assert [one.seq for one in told] == [1, None, 4]


def test_pieces_that_come_alone_are_told_alone() -> None:
    fold = Fold(RUN, "c")

    told = [fold.read(frames(event, first=seq)) for seq, event in enumerate((BEGUN, delta("a"), delta("b"), DONE), 1)]

    assert shown(told[2]) == [Chunk("b", append=True)]
    assert shown(told[3]) == [Chunk("", append=True, last=True), "COMPLETED"]
    assert (told[1][0].seq, told[2][0].seq, fold.text) == (2, 3, "ab")


def test_what_is_taken_back_is_replaced_by_what_is_left() -> None:
    fold = Fold(RUN, "c")
    nothing: dict[str, Any] = {}
    said = (delta("first"), ("message", nothing), ("usage", nothing), delta("half"))

    fold.read(frames(BEGUN, *said))
    told = fold.read(frames(("superseded", {"from_seq": 5}), delta("whole"), first=6))

    assert shown(told) == [Chunk("first\n\nwhole", append=False)]
    assert fold.text == "first\n\nwhole"


def test_a_question_is_told_until_something_else_happens() -> None:
    fold = Fold(RUN, "c")

    asked = fold.read(frames(BEGUN, ("input_requested", {"input_id": "i", "prompt": "Which?"})))
    went_on = fold.read(frames(("tool_result", {}), first=3))

    assert shown(asked) == ["WORKING", "INPUT_REQUIRED"]
    assert fold.asked[0].prompt == "Which?"
    assert shown(went_on) == ["WORKING"]
    assert not fold.questions


def test_why_a_run_failed_is_in_its_status() -> None:
    fold = Fold(RUN, "c")
    limit = {"message": "No more.", "kind": "tokens", "retry_after": 5}

    (told,) = fold.read(frames(("rate_limit_exceeded", limit)))

    assert shown([told]) == ["FAILED"]
    assert not isinstance(told.update, Chunk)
    assert told.update.metadata["code"] == "rate_limit_exceeded"
    assert fold.status().message.parts[0].text == "No more."


def test_reading_up_to_an_event_leaves_the_rest_to_be_read() -> None:
    fold, log = Fold(RUN, "c"), frames(BEGUN, delta("a"), delta("b"))

    fold.read(log, up_to=2)
    told = fold.read(log)

    assert shown(told) == [Chunk("b", append=True)]


@pytest.mark.parametrize("context_id", ["abc", "A-b_3", "x" * 128])
def test_a_context_that_can_be_a_session_is_one(context_id: str) -> None:
    assert session_key(context_id) == context_id


@pytest.mark.parametrize("context_id", ["a b", "ü", "x" * 129, "a/b", "\ud800"])
def test_any_other_context_has_a_session_of_its_own(context_id: str) -> None:
    assert session_key(context_id) == session_key(context_id)
    assert session_key(context_id) != session_key(context_id + "!")
    assert len(session_key(context_id)) <= 128


def said(text: str) -> Message:
    return Message(message_id="m", parts=[Part(text=text)])


@pytest.mark.parametrize("text", ["approve", "Approve.", "yes", " OK "])
def test_a_clear_yes_approves(text: str) -> None:
    assert decision(said(text)) == (True, None)


@pytest.mark.parametrize(
    ("text", "reason"), [("reject", None), ("No, not today", "not today"), ("deny: too late", "too late")]
)
def test_a_clear_no_rejects_with_its_reason(text: str, reason: str | None) -> None:
    assert decision(said(text)) == (False, reason)


@pytest.mark.parametrize("text", ["", "yes but first tell me why", "approve it not", "nothing", "maybe"])
def test_whatever_is_neither_decides_nothing(text: str) -> None:
    with pytest.raises(AnswerUnclear):
        decision(said(text))


def test_data_is_read_as_json_and_files_are_not_read() -> None:
    message = said("Sum up")
    message.parts.add().data.struct_value["numbers"] = 3

    assert text_of(message) == 'Sum up\n{"numbers":3}'
    message.parts.add(raw="ü".encode(), media_type="text/markdown")
    assert text_of(message).endswith("\nü")
    message.parts.add(raw=b"x", media_type="image/png")
    with pytest.raises(ContentNotSupported):
        text_of(message)
    with pytest.raises(BadParams):
        text_of(said("  "))


def test_a_database_that_is_away_is_no_secret_and_worth_another_try() -> None:
    exchange: Any = SimpleNamespace(error=None)
    context = ServerCallContext(state={EXCHANGE: exchange})

    refused(context, OperationalError("SELECT 1", {}, Exception("locked")))

    status, told = rpc_error(exchange.error, 1, old=False)
    assert (status, told["error"]["code"]) == (503, -32050)
    assert "SELECT" not in str(told)


def test_what_is_sealed_opens_only_in_its_place_and_with_its_secret() -> None:
    keys = PushKeys("s" * 32)
    sealed = keys.seal(b"token", b"here")

    assert PushKeys("s" * 32).open(sealed, b"here") == b"token"
    assert b"token" not in sealed
    for other, place in ((keys, b"there"), (PushKeys("t" * 32), b"here")):
        with pytest.raises(NotOurs):
            other.open(sealed, place)

"""`/api/sessions/{id}/export`: a whole conversation as a file."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Literal

from litestar import Controller, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from app.domain.accounts.schemas import Principal
from app.domain.runs.export import Export, Exports
from app.domain.runs.transcript import ExportedConversation, JsonTranscript, MarkdownTranscript, Transcript
from app.lib.clock import Clock
from app.lib.db.engine import Database


def provide_exports(db: NamedDependency[Database], clock: NamedDependency[Clock], state: State) -> Exports:
    return Exports(db, clock, state.writer.store)


class ExportController(Controller):
    path = "/api/sessions"
    tags = ["sessions"]
    dependencies = {"exports": Provide(provide_exports, sync_to_thread=False)}

    @get(
        "/{session_id:str}/export",
        responses={200: ResponseSpec(ExportedConversation, generate_examples=False, description="The conversation.")},
    )
    async def export_session(
        self,
        session_id: FromPath[str],
        exports: NamedDependency[Exports],
        user: NamedDependency[Principal],
        format: FromQuery[Literal["json", "markdown"]] = "json",  # noqa: A002 - its name in the address
    ) -> Stream:
        """Everything said and done in a session with the facts of its runs, as JSON or as Markdown."""
        export = await exports.begin(user.user_id, session_id)
        transcript = MarkdownTranscript() if format == "markdown" else JsonTranscript()
        name = f"session-{export.session.id}.{transcript.extension}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Stream(_written(export, transcript), media_type=transcript.media_type, headers=headers)


async def _written(export: Export, transcript: Transcript) -> AsyncIterator[bytes]:
    async with aclosing(export.runs) as runs:
        yield transcript.begin(export.session)
        async for run in runs:
            yield transcript.run(run)
        yield transcript.end()

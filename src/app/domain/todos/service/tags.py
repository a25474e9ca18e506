"""The words that a user sorts todos by."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.todos.errors import TagNotFound, TagTaken
from app.domain.todos.models import Tag
from app.domain.todos.repository import TagRepository
from app.domain.todos.schemas import TagList, TagView
from app.domain.todos.service import texts
from app.lib.errors import InvalidField


class TagService:
    def __init__(self, repository: TagRepository) -> None:
        self._tags = repository

    @classmethod
    def open(cls, db_session: AsyncSession, owner_id: UUID) -> Self:
        return cls(TagRepository(db_session, owner_id))

    async def page(self, *, limit: int, offset: int) -> TagList:
        tags, total = await self._tags.listed(limit=limit, offset=offset)
        return TagList(items=[_view(tag) for tag in tags], total=total, limit=limit, offset=offset)

    async def create(self, name: str) -> TagView:
        name = texts.title(name, "/name")
        key = texts.key(name)
        if not await self._tags.insert({key: name}):
            raise TagTaken(name)
        return _view((await self._tags.named([key]))[key])

    async def delete(self, tag_id: UUID) -> None:
        """It is taken off every todo that has it."""
        if not await self._tags.remove(tag_id):
            raise TagNotFound(tag_id)

    async def named(self, names: Sequence[str], *, create: bool) -> list[Tag]:
        """The tags with these names. One that does not exist is made, or else refused."""
        wanted = {texts.key(name): name for name in (texts.title(name, f"/tags/{n}") for n, name in enumerate(names))}
        found = await self._tags.named(wanted) if wanted else {}
        missing = {key: name for key, name in wanted.items() if key not in found}
        if missing and not create:
            name = next(iter(missing.values()))
            raise InvalidField("/tags", f"There is no tag named {name!r}.")
        if missing:
            await self._tags.insert(missing)
            found = await self._tags.named(wanted)
        return [found[key] for key in wanted]


def _view(tag: Tag) -> TagView:
    return TagView(id=tag.id, name=tag.name, created_at=tag.created_at)

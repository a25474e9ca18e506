"""Secrets as their owner keeps them, on real databases."""

import pickle
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import anyio
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.domain.secrets.errors import (
    RevealLimited,
    SecretDisabled,
    SecretExpired,
    SecretNotFound,
    TooManySecrets,
    UnknownProvider,
    VaultSealed,
    VersionNotFound,
)
from app.domain.secrets.schemas import NewSecret, PatchSecret, RotateSecret
from app.domain.secrets.service import open_uses
from app.domain.secrets.service import secrets as keeping
from app.lib.db.engine import Database
from app.lib.egress.errors import EgressRefused
from app.lib.errors import InvalidField
from tests.vaults import KEY, TestVault, by

OTHER = "sk-" + "z9Y8" * 8
ANTHROPIC = "sk-ant-" + "q" * 24
AWS = "a/B+" * 10


@pytest.fixture
async def vault(db: Database) -> AsyncIterator[TestVault]:
    """As the server's: uses are noted in the quick way where nothing speaks against it."""
    made = TestVault(db, uses=open_uses(db))
    yield made
    await made.vault.close()


@pytest.fixture
async def owner(vault: TestVault) -> UUID:
    return await vault.user()


async def test_a_stored_key_is_opened_for_a_call_and_shown_only_masked(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner)
    async with vault.vault.open(owner, "openai") as credential:
        assert credential is not None
        assert credential.api_key is not None
        assert credential.api_key.reveal() == KEY
        assert (credential.secret_id, credential.lent) == (stored.id, False)
    page = await vault.secrets.page(owner, by(owner), limit=10, offset=0)

    assert (page.total, page.items[0].masked, page.items[0].default) == (1, "sk-…a1B2", True)
    assert page.items[0].last_used_at == vault.clock.now()
    assert KEY not in repr(page)


async def test_nothing_of_a_key_is_in_the_database_in_the_clear(vault: TestVault, owner: UUID, db: Database) -> None:
    await vault.store(owner)
    async with db.reading() as db_session:
        rows = [*(await db_session.execute(text("SELECT * FROM secret_version")))]
        rows += [*(await db_session.execute(text("SELECT * FROM secret_audit")))]

    assert KEY.encode() not in b"".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)


async def test_the_first_for_a_provider_is_its_default_and_another_takes_that_over(
    vault: TestVault, owner: UUID
) -> None:
    first = await vault.store(owner)
    second = await vault.store(owner, OTHER)
    before = await vault.key_of(owner)
    await vault.secrets.patch(owner, second.id, PatchSecret(default=True), by(owner))
    third = await vault.store(owner, "sk-" + "c" * 20, default=True)

    assert (first.default, second.default, third.default) == (True, False, True)
    assert (before, await vault.key_of(owner)) == (KEY, "sk-" + "c" * 20)
    items = (await vault.secrets.page(owner, by(owner), limit=10, offset=0)).items
    assert [item.default for item in items] == [True, False, False]


async def test_the_database_lets_no_second_default_be(vault: TestVault, owner: UUID, db: Database) -> None:
    await vault.store(owner)
    await vault.store(owner, OTHER)
    with pytest.raises(IntegrityError):
        async with db.writing() as db_session:
            await db_session.execute(text("UPDATE secret SET is_default = true"))


async def test_parallel_defaults_leave_exactly_one(vault: TestVault, owner: UUID) -> None:
    async with anyio.create_task_group() as tasks:
        for n in range(8):
            tasks.start_soon(partial(vault.store, owner, f"sk-{n:020}", default=True))
    items = (await vault.secrets.page(owner, by(owner), limit=10, offset=0)).items

    assert sorted(item.default for item in items) == [False] * 7 + [True]
    assert (await vault.trail.verify(owner)).reason == ""


async def test_a_named_secret_comes_before_the_default_and_only_for_its_provider(vault: TestVault, owner: UUID) -> None:
    await vault.store(owner)
    named = await vault.store(owner, OTHER)
    await vault.store(owner, ANTHROPIC, "anthropic")

    assert await vault.key_of(owner, secret_id=named.id) == OTHER
    assert await vault.key_of(owner, "anthropic", secret_id=named.id) == ANTHROPIC
    assert await vault.key_of(owner, "openai_responses") == KEY  # another wire of the same provider
    assert await vault.key_of(owner, "bedrock") is None
    async with vault.db.reading() as db_session:
        own = await vault.vault.own(db_session, owner, named.id)
    assert own.keys() == {"openai", "openai_responses", "anthropic"}
    assert own["openai_responses"].secret_id == named.id


async def test_another_users_secret_is_not_there(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner)
    other = await vault.user()

    assert await vault.key_of(other) is None
    for attempt in (
        vault.key_of(other, secret_id=stored.id),
        vault.vault.usable(other, "openai", stored.id),
        vault.secrets.get(other, stored.id, by(other)),
        vault.secrets.reveal(other, stored.id, by(other)),
        vault.secrets.remove(other, stored.id, by(other)),
        vault.secrets.patch(other, stored.id, PatchSecret(name="theirs"), by(other)),
        vault.secrets.note_refused(other, stored.id, "reveal", by(other)),
        vault.secrets.rotate(other, stored.id, RotateSecret(value=OTHER), by(other)),
        vault.secrets.restore(other, stored.id, 1, by(other)),
        vault.secrets.versions(other, stored.id, by(other), limit=1, offset=0),
    ):
        with pytest.raises(SecretNotFound):
            await attempt


async def test_a_disabled_and_an_expired_secret_are_refused_and_that_is_remembered(
    vault: TestVault, owner: UUID
) -> None:
    stored = await vault.store(owner, expires_at=vault.clock.now() + timedelta(days=2))
    await vault.secrets.patch(owner, stored.id, PatchSecret(disabled=True), by(owner))
    with pytest.raises(SecretDisabled):
        await vault.key_of(owner)
    await vault.secrets.patch(owner, stored.id, PatchSecret(disabled=False), by(owner))
    assert await vault.key_of(owner) == KEY
    vault.clock.advance(2 * 86_400)
    with pytest.raises(SecretExpired):
        await vault.key_of(owner)
    with pytest.raises(SecretExpired):
        await vault.vault.usable(owner, "openai")

    rows = (await vault.trail.page(owner_id=owner, limit=50, offset=0)).items
    assert [(row.action.value, row.detail) for row in reversed(rows)] == [
        ("create", "openai"),
        ("disable", ""),
        ("refuse", "secret_disabled"),
        ("enable", ""),
        ("use", ""),
        ("refuse", "secret_expired"),
    ]


async def test_only_an_admin_takes_back_what_an_admin_did(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner)
    admin = await vault.user()
    await vault.oversight.disable(stored.id, by(admin))
    with pytest.raises(SecretDisabled):
        await vault.secrets.patch(owner, stored.id, PatchSecret(disabled=False), by(owner))
    kept = await vault.oversight.page(limit=10, offset=0)
    await vault.oversight.disable(stored.id, by(admin), disabled=False)

    assert (kept.items[0].state, kept.items[0].disabled_by) == ("disabled", "admin")
    assert not hasattr(kept.items[0], "masked")
    assert await vault.key_of(owner) == KEY
    await vault.oversight.remove(stored.id, by(admin))
    assert await vault.key_of(owner) is None
    rows = (await vault.trail.page(owner_id=owner, limit=1, offset=0)).items
    assert (rows[0].action, rows[0].actor_id) == ("delete", admin)


async def test_a_maximum_age_holds_for_stored_keys_too_and_a_new_version_begins_anew(
    vault: TestVault, owner: UUID
) -> None:
    stored = await vault.store(owner)
    admin = await vault.user()
    await vault.oversight.set_policy("openai", 30, by(admin))
    await vault.oversight.set_policy("openai", 10, by(admin))
    vault.clock.advance(9.5 * 86_400)
    near = (await vault.secrets.page(owner, by(owner), limit=1, offset=0)).items[0]
    vault.clock.advance(86_400)
    with pytest.raises(SecretExpired):
        await vault.key_of(owner)
    await vault.secrets.rotate(owner, stored.id, RotateSecret(value=OTHER), by(owner))

    assert near.warnings == ["expires_in_1_day"]
    assert await vault.key_of(owner) == OTHER
    assert (await vault.oversight.policies()).items[0].max_age_days == 10
    await vault.oversight.remove_policy("openai", by(admin))
    assert (await vault.secrets.page(owner, by(owner), limit=1, offset=0)).items[0].expires_at is None
    with pytest.raises(UnknownProvider):
        await vault.oversight.set_policy("nobody", 1, by(admin))


async def test_a_run_goes_on_with_the_version_that_it_began_with_while_that_is_valid(
    vault: TestVault, owner: UUID
) -> None:
    stored = await vault.store(owner)
    early, late = uuid4(), uuid4()
    assert await vault.key_of(owner, run_id=early) == KEY
    await vault.secrets.rotate(owner, stored.id, RotateSecret(value=OTHER, overlap=60), by(owner))

    assert await vault.key_of(owner, run_id=early) == KEY
    assert await vault.key_of(owner, run_id=late) == OTHER
    vault.clock.advance(61)
    assert await vault.key_of(owner, run_id=early) == OTHER


async def test_without_an_overlap_the_old_version_ends_at_once(vault: TestVault, owner: UUID) -> None:
    stored, run_id = await vault.store(owner), uuid4()
    await vault.key_of(owner, run_id=run_id)
    await vault.secrets.rotate(owner, stored.id, RotateSecret(value=OTHER, overlap=0), by(owner))

    assert await vault.key_of(owner, run_id=run_id) == OTHER
    with pytest.raises(VersionNotFound):
        await vault.secrets.restore(owner, stored.id, 1, by(owner))


async def test_one_can_go_back_to_a_version_that_is_valid_and_forward_again(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner)
    await vault.secrets.rotate(owner, stored.id, RotateSecret(value=OTHER), by(owner))
    back = await vault.secrets.restore(owner, stored.id, 1, by(owner))
    assert (back.version, await vault.key_of(owner)) == (1, KEY)
    again = await vault.secrets.restore(owner, stored.id, 2, by(owner))
    assert (again.version, await vault.key_of(owner)) == (2, OTHER)
    third = await vault.secrets.rotate(owner, stored.id, RotateSecret(value="sk-" + "t" * 20), by(owner))

    assert third.version == 3
    with pytest.raises(VersionNotFound):
        await vault.secrets.restore(owner, stored.id, 9, by(owner))
    versions = await vault.secrets.versions(owner, stored.id, by(owner), limit=10, offset=0)
    assert [(each.version, each.current) for each in versions.items] == [(3, True), (2, False), (1, False)]


async def test_of_too_many_versions_the_oldest_lose_their_values(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner)
    for n in range(12):
        await vault.secrets.rotate(owner, stored.id, RotateSecret(value=f"sk-{n:020}"), by(owner))
    versions = await vault.secrets.versions(owner, stored.id, by(owner), limit=100, offset=0)

    assert [each.version for each in versions.items if not each.shredded] == list(range(13, 3, -1))
    assert await vault.key_of(owner) == f"sk-{11:020}"


async def test_old_versions_are_shredded_when_their_time_or_their_last_run_is_over(
    vault: TestVault, owner: UUID
) -> None:
    timed, lasting = await vault.store(owner), await vault.store(owner, ANTHROPIC, "anthropic")
    run_id, running = uuid4(), True

    async def active(run_ids: set[UUID]) -> set[UUID]:
        return run_ids if running else set()

    await vault.key_of(owner, "anthropic", run_id=run_id)
    await vault.secrets.rotate(owner, timed.id, RotateSecret(value=OTHER, overlap=60), by(owner))
    await vault.secrets.rotate(owner, lasting.id, RotateSecret(value=ANTHROPIC + "2"), by(owner))
    assert await vault.secrets.shred_old(active) == 0
    vault.clock.advance(61)
    assert await vault.secrets.shred_old(active) == 1
    assert await vault.key_of(owner, "anthropic", run_id=run_id) == ANTHROPIC
    running = False
    assert await vault.secrets.shred_old(active) == 1

    assert await vault.key_of(owner, "anthropic", run_id=run_id) == ANTHROPIC + "2"
    assert (await vault.trail.verify(owner)).reason == ""


async def test_a_value_is_revealed_five_times_an_hour_also_to_those_who_ask_at_once(
    vault: TestVault, owner: UUID
) -> None:
    stored, shown, refused = await vault.store(owner), [], []

    async def reveal() -> None:
        try:
            shown.append((await vault.secrets.reveal(owner, stored.id, by(owner))).value)
        except RevealLimited as error:
            refused.append(error.context["retry_after"])

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(reveal)
    assert (shown, refused) == ([KEY] * 5, [3600] * 7)
    vault.clock.advance(3601)
    assert (await vault.secrets.reveal(owner, stored.id, by(owner))).version == 1
    rows = (await vault.trail.page(owner_id=owner, limit=50, offset=0)).items
    assert sum(row.detail == "reveal_limited" for row in rows) == 7


async def test_whoever_lists_keys_is_remembered_where_there_is_something_to_see(vault: TestVault, owner: UUID) -> None:
    empty = await vault.secrets.page(owner, by(owner), limit=10, offset=0)
    before = (await vault.trail.page(owner_id=owner, limit=10, offset=0)).total
    await vault.store(owner)
    await vault.secrets.page(owner, by(owner), limit=10, offset=0)
    row = (await vault.trail.page(owner_id=owner, limit=1, offset=0)).items[0]

    assert (empty.total, before) == (0, 0)
    assert (row.action, row.detail, row.secret_id, row.actor_id) == ("read", "list", None, owner)


async def test_a_deleted_secret_is_gone_with_its_data_keys(vault: TestVault, owner: UUID, db: Database) -> None:
    stored = await vault.store(owner)
    await vault.secrets.rotate(owner, stored.id, RotateSecret(value=OTHER), by(owner))
    await vault.secrets.remove(owner, stored.id, by(owner))
    async with db.reading() as db_session:
        left = await db_session.scalar(text("SELECT count(*) FROM secret_version"))

    assert (left, await vault.key_of(owner)) == (0, None)
    with pytest.raises(SecretNotFound):
        await vault.key_of(owner, secret_id=stored.id)


async def test_a_use_that_cannot_be_noted_is_refused(vault: TestVault, owner: UUID, db: Database) -> None:
    await vault.store(owner)
    async with db.writing() as db_session:
        await db_session.execute(text("ALTER TABLE secret_audit RENAME TO elsewhere"))
    with pytest.raises(DBAPIError):
        await vault.key_of(owner)


async def test_a_sealed_vault_lists_and_refuses_the_rest(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner)
    sealed = TestVault(vault.db, keys=[], clock=vault.clock)
    stranger = await vault.user()

    assert (await sealed.secrets.page(owner, by(owner), limit=1, offset=0)).total == 1
    assert await sealed.key_of(stranger) is None  # who has no secret needs no key
    for attempt in (
        sealed.key_of(owner),
        sealed.vault.usable(owner, "openai"),
        sealed.store(owner),
        sealed.store(stranger),
        sealed.secrets.reveal(owner, stored.id, by(owner)),
        sealed.secrets.remove(owner, stored.id, by(owner)),
    ):
        with pytest.raises(VaultSealed):
            await attempt
    assert (await sealed.trail.verify(owner)).reason == "sealed"


async def test_there_is_a_most_of_secrets(vault: TestVault, owner: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_SECRETS", 1)
    await vault.store(owner)
    with pytest.raises(TooManySecrets):
        await vault.store(owner, OTHER)


async def test_an_end_that_is_over_is_refused(vault: TestVault, owner: UUID) -> None:
    with pytest.raises(InvalidField):
        await vault.store(owner, expires_at=vault.clock.now())
    assert (await vault.secrets.page(owner, by(owner), limit=1, offset=0)).total == 0


async def test_a_base_url_that_leads_inside_is_refused_before_anything_is_stored(vault: TestVault, owner: UUID) -> None:
    for url in ("http://169.254.169.254/v1", "https://localhost:8000/v1", "https://10.0.0.1/v1"):
        new = NewSecret(name="inside", provider="openai_compatible", value=KEY, base_url=url)
        with pytest.raises(EgressRefused):
            await vault.secrets.create(owner, new, by(owner))
    assert (await vault.secrets.page(owner, by(owner), limit=1, offset=0)).total == 0


async def test_aws_keys_keep_both_halves_and_their_region(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner, AWS, "bedrock", access_key_id="AKIA" + "7" * 16, region="eu-central-1")
    async with vault.vault.open(owner, "bedrock") as credential:
        assert credential is not None
        assert (credential.access_key_id, credential.region) == ("AKIA" + "7" * 16, "eu-central-1")

    assert stored.masked == "AK…7777 / a/B+…a/B+"
    assert stored.region == "eu-central-1"


TEMPORARY = {"access_key_id": "ASIA" + "7" * 16, "session_token": "IQoJ" + "t0/K" * 50, "region": "eu-central-1"}


async def test_temporary_aws_keys_keep_their_session_token_and_show_little_of_it(vault: TestVault, owner: UUID) -> None:
    stored = await vault.store(owner, AWS, "bedrock", **TEMPORARY)
    async with vault.vault.open(owner, "bedrock") as credential:
        assert credential is not None
        assert credential.session_token is not None
        assert {*credential.secrets} == {AWS, TEMPORARY["access_key_id"], TEMPORARY["session_token"]}
        assert credential.session_token.reveal() == TEMPORARY["session_token"]
    revealed = await vault.secrets.reveal(owner, stored.id, by(owner))

    assert stored.masked == "AS…7777 / a/B+…a/B+ / IQoJ…t0/K"
    assert (revealed.value, revealed.session_token) == (AWS, TEMPORARY["session_token"])

    lasting = RotateSecret(value=AWS, access_key_id="AKIA" + "7" * 16, region="eu-central-1")
    await vault.secrets.rotate(owner, stored.id, lasting, by(owner))
    async with vault.vault.open(owner, "bedrock") as credential:
        assert credential is not None
        assert credential.session_token is None


async def test_an_opened_key_is_in_no_repr_no_pickle_and_no_encoding(vault: TestVault, owner: UUID) -> None:
    url = f"https://gateway.example.com/v1?api-key={KEY}"
    await vault.store(owner, AWS, "bedrock", **TEMPORARY)
    await vault.store(owner, provider="openai_compatible", base_url=url)
    for provider in ("bedrock", "openai_compatible"):
        async with vault.vault.open(owner, provider) as credential:
            assert credential is not None
            assert repr(credential) == f"<credential for {provider}>"
            with pytest.raises(TypeError):
                pickle.dumps(credential)
            with pytest.raises(TypeError):
                msgspec.json.encode(credential)


@pytest.mark.parametrize(
    ("provider", "members", "pointer"),
    [
        ("bedrock", {**TEMPORARY, "access_key_id": ""}, "/access_key_id"),
        ("bedrock", {**TEMPORARY, "session_token": "two words here"}, "/session_token"),
        ("bedrock", {**TEMPORARY, "session_token": "short"}, "/session_token"),
        ("openai", {"session_token": TEMPORARY["session_token"]}, "/session_token"),
    ],
)
async def test_a_session_token_is_taken_only_with_the_key_that_it_belongs_to(
    vault: TestVault, owner: UUID, provider: str, members: dict[str, str], pointer: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        await vault.store(owner, AWS if provider == "bedrock" else KEY, provider, **members)

    errors: Any = refused.value.context["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert members["session_token"] not in str(refused.value.context)

"""The ring of master keys: which seals, which open, and where they come from."""

import base64
import secrets
from pathlib import Path

import pytest

from app.lib.crypto.ring import BadMasterKey, MasterKey, Ring, UnknownMasterKey, read_master_keys
from app.server.master_keys import MasterKeys
from app.server.settings import Refused, Settings


def key() -> MasterKey:
    return MasterKey(secrets.token_bytes(32))


def line() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def test_the_newest_seals_and_all_open() -> None:
    old, new = key(), key()
    ring = Ring(lambda: [old, new])

    assert (ring.sealing, ring.find(old.id), ring.ids) == (new, old, (old.id, new.id))


def test_without_a_key_it_is_sealed() -> None:
    ring = Ring()

    assert ring.is_sealed
    with pytest.raises(UnknownMasterKey):
        _ = ring.sealing
    with pytest.raises(UnknownMasterKey):
        ring.find("0" * 16)


def test_a_key_that_comes_later_is_found_but_seals_only_once_all_have_it() -> None:
    keys = [key()]
    ring = Ring(lambda: keys)
    new = key()
    keys.append(new)
    ring._looked_at -= 10

    assert ring.find(new.id) is new
    assert ring.sealing is keys[0]
    ring.agree(living=[keys[0].id], retired=[], common=[keys[0].id])
    assert ring.sealing is keys[0]
    ring.agree(living=[keys[0].id], retired=[], common=[keys[0].id, new.id])
    assert ring.sealing is new


def test_an_unknown_key_is_looked_for_at_most_once_a_second() -> None:
    looks = 0

    def load() -> list[MasterKey]:
        nonlocal looks
        looks += 1
        return []

    ring = Ring(load)
    ring._looked_at -= 10
    for _ in range(100):
        with pytest.raises(UnknownMasterKey):
            ring.find("0" * 16)

    assert looks == 2


def test_another_instances_keys_seal_nothing_here() -> None:
    ours = key()
    ring = Ring(lambda: [ours])
    ring.agree(living=["0" * 16], retired=[], common=[ours.id])

    assert ring.is_sealed


def test_a_retired_key_never_seals_again_and_keys_stay_when_the_file_is_gone() -> None:
    old, new = key(), key()
    found = [old, new]
    ring = Ring(lambda: found)
    ring.agree(living=[new.id], retired=[old.id], common=[old.id])
    assert ring.sealing is new
    found.clear()
    ring.reload()

    assert ring.sealing is new


def test_lines_are_keys_with_comments_and_passphrases_between() -> None:
    text = f"# ours\n{line()}\n\npassphrase: a long walk on a short pier\n"
    first, second = read_master_keys(text, b"s" * 16)

    assert first.id != second.id
    assert read_master_keys(text, b"s" * 16)[1].id == second.id
    assert read_master_keys(text, b"t" * 16)[1].id != second.id
    with pytest.raises(BadMasterKey):
        read_master_keys(text, None)


@pytest.mark.parametrize("text", ["", "# only a comment", "short", "passphrase: too short", "A" * 44])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadMasterKey) as refusal:
        read_master_keys(text, b"s" * 16)

    assert not text or text not in str(refusal.value)


def test_each_purpose_and_context_has_its_own_key() -> None:
    ours = key()

    assert len({ours.derived("a"), ours.derived("b"), ours.derived("a", b"x"), ours.derived("a", b"", b"x")}) == 4


@pytest.fixture
def file(tmp_path: Path) -> MasterKeys:
    keys = MasterKeys(Settings(data_dir=tmp_path))
    keys.make()
    return keys


def test_a_key_is_added_last_and_dropped_by_its_id_and_the_rest_stays(file: MasterKeys) -> None:
    assert file.path is not None
    file.path.write_text("# mine\n" + file.path.read_text())
    old = file.load()[0]
    new = file.add()
    both = [each.id for each in file.load()]
    file.drop(old.id)

    assert both == [old.id, new.id]
    assert [each.id for each in file.load()] == [new.id]
    assert file.path.read_text().startswith("# mine\n")
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_the_old_file_whole(file: MasterKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file.path is not None
    before = file.path.read_text()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Refused, match="No space left"):
        file.add()

    assert file.path.read_text() == before
    assert [path.name for path in file.path.parent.iterdir()] == ["master.key"]


def test_only_one_changes_the_file_at_a_time(file: MasterKeys, tmp_path: Path) -> None:
    with (
        file.alone(),
        pytest.raises(Refused, match="Another rotation"),
        MasterKeys(Settings(data_dir=tmp_path)).alone(),
    ):
        pass


def test_a_variable_holds_several_keys_and_cannot_be_changed_from_here(tmp_path: Path) -> None:
    keys = MasterKeys(Settings.model_validate({"data_dir": tmp_path, "master_key": f"{line()},{line()}"}))

    assert len(keys.load()) == 2
    with pytest.raises(Refused, match="HEADGATE_MASTER_KEY"):
        keys.add()

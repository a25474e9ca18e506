"""What is sealed opens in its own place, by its own key, and nowhere else."""

import itertools
import pickle
import random
import secrets
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from app.lib.crypto.binding import Binding, joined
from app.lib.crypto.envelope import _VALUE, Envelope, NotOpened, Sealed, Wrap, _split, _wrapped
from app.lib.crypto.ring import MasterKey, Ring, UnknownMasterKey

USERS = 100


def ring(*keys: MasterKey) -> Ring:
    return Ring(lambda: keys)


def place(**other: object) -> Binding:
    return Binding(uuid4(), uuid4(), 1, "credential")._replace(**other)  # type: ignore[arg-type]


@pytest.fixture
def master() -> MasterKey:
    return MasterKey(secrets.token_bytes(32))


@pytest.fixture
def envelope(master: MasterKey) -> Envelope:
    return Envelope(ring(master))


@given(value=st.binary(max_size=5000), owner=st.uuids(), secret=st.uuids(), version=st.integers(0, 2**31))
def test_what_was_sealed_opens(value: bytes, owner: UUID, secret: UUID, version: int) -> None:
    envelope, bound = Envelope(ring(MasterKey(bytes(32)))), Binding(owner, secret, version, "credential")

    assert envelope.open(envelope.seal(value, bound), bound) == value


def test_a_row_opens_in_no_place_but_its_own_for_a_hundred_users_and_every_bound_field(envelope: Envelope) -> None:
    places = [place(version=1 + n % 3) for n in range(USERS)]
    rows = [envelope.seal(b"value", bound) for bound in places]
    opened = []
    for (n, row), (m, bound) in itertools.product(enumerate(rows), enumerate(places)):
        try:
            envelope.open(row, bound)
            opened.append((n, m))
        except NotOpened:
            continue
    for row, bound, other in zip(rows, places, [*places[1:], places[0]], strict=True):
        for moved in (
            bound._replace(owner=other.owner),
            bound._replace(secret=other.secret),
            bound._replace(version=bound.version + 1),
            bound._replace(field="audit trail"),
        ):
            with pytest.raises(NotOpened):
                envelope.open(row, moved)

    assert opened == [(n, n) for n in range(USERS)]


def test_no_column_of_one_row_can_take_anothers_place(envelope: Envelope) -> None:
    bound = place()
    ours, other = envelope.seal(b"ours", bound), envelope.seal(b"other", bound)
    for name in Sealed._fields:
        with pytest.raises(NotOpened):
            envelope.open(ours._replace(**{name: getattr(other, name)}), bound)


def test_no_bit_can_be_changed(envelope: Envelope) -> None:
    bound, chance = place(), random.Random(7)  # noqa: S311
    sealed = envelope.seal(b"some value", bound)
    columns = {"nonce": sealed.nonce, "ciphertext": sealed.ciphertext, "commitment": sealed.commitment}
    for name, column in columns.items():
        for _ in range(20):
            changed = bytearray(column)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            with pytest.raises(NotOpened):
                envelope.open(sealed._replace(**{name: bytes(changed)}), bound)  # type: ignore[arg-type]
        with pytest.raises(NotOpened):
            envelope.open(sealed._replace(**{name: column[:-1]}), bound)  # type: ignore[arg-type]


def test_the_wrap_is_bound_to_its_master_key(master: MasterKey) -> None:
    other, bound = MasterKey(secrets.token_bytes(32)), place()
    both = Envelope(ring(master, other))
    sealed = both.seal(b"value", bound)

    assert sealed.wrap.key_id == other.id
    with pytest.raises(NotOpened):
        both.open(sealed._replace(wrap=sealed.wrap._replace(key_id=master.id)), bound)
    with pytest.raises(UnknownMasterKey):
        Envelope(ring(master)).open(sealed, bound)


def test_a_new_wrap_leaves_the_value_as_it_is(master: MasterKey) -> None:
    new, bound = MasterKey(secrets.token_bytes(32)), place()
    sealed = Envelope(ring(master)).seal(b"value", bound)
    wrap = Envelope(ring(master, new)).rewrap(sealed.wrap, bound, new)

    assert Envelope(ring(new)).open(sealed._replace(wrap=wrap), bound) == b"value"
    with pytest.raises(NotOpened):
        Envelope(ring(master, new)).rewrap(sealed.wrap, place(), new)


def test_a_ciphertext_that_opens_under_two_keys_is_rejected_by_the_commitment(
    envelope: Envelope, master: MasterKey
) -> None:
    bound = place()
    ours, theirs = secrets.token_bytes(32), secrets.token_bytes(32)
    (our_key, commitment), (their_key, _) = _split(ours), _split(theirs)
    nonce, bound_to = secrets.token_bytes(12), bound.encoded(_VALUE)
    ciphertext = _collision(our_key, their_key, nonce, bound_to)
    ours_opened = AESGCM(our_key).decrypt(nonce, ciphertext, bound_to)
    theirs_opened = AESGCM(their_key).decrypt(nonce, ciphertext, bound_to)
    assert ours_opened != theirs_opened  # GCM alone takes it under either

    sealed = Sealed(nonce, ciphertext, commitment, _wrapped(ours, bound, master))
    assert envelope.open(sealed, bound) == ours_opened
    with pytest.raises(NotOpened):
        envelope.open(sealed._replace(wrap=_wrapped(theirs, bound, master)), bound)


def test_keys_are_in_no_repr_no_error_and_no_pickle(envelope: Envelope) -> None:
    raw = secrets.token_bytes(32)
    key = MasterKey(raw)

    assert raw.hex() not in repr(key) + repr(ring(key)) + key.id
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        msgspec.json.encode(key)
    with pytest.raises(NotOpened) as refused:
        envelope.open(envelope.seal(b"value", place()), place())
    assert refused.value.args == ()
    assert refused.value.__cause__ is None


@given(st.lists(st.binary(max_size=9), max_size=5), st.lists(st.binary(max_size=9), max_size=5))
def test_other_parts_are_other_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (joined(*one) == joined(*other)) == (one == other)


def test_nothing_is_sealed_twice_alike(envelope: Envelope) -> None:
    bound = place()
    some = [envelope.seal(b"value", bound) for _ in range(50)]

    for column in ("nonce", "ciphertext", "commitment"):
        assert len({getattr(each, column) for each in some}) == 50
    assert len({(each.wrap.nonce, each.wrap.wrapped) for each in some}) == 50


def test_a_wrap_of_other_lengths_does_not_open(envelope: Envelope, master: MasterKey) -> None:
    with pytest.raises(NotOpened):
        envelope.unwrap(Wrap(master.id, b"", b""), place())


# A ciphertext of two blocks and a tag that AES-GCM takes under two keys. The tag is a sum in GF(2^128), linear in every
# block: with all but one block chosen, the one is found that makes both tags the same.


def _collision(key: bytes, other: bytes, nonce: bytes, aad: bytes) -> bytes:
    first = secrets.token_bytes(16)
    sums, factors = [], []
    for each in (key, other):
        h, mask = _block(each, bytes(16)), _block(each, nonce + b"\0\0\0\1")
        padded = aad + bytes(-len(aad) % 16)
        fixed = [*(padded[i : i + 16] for i in range(0, len(padded), 16)), first]
        lengths = (len(aad) * 8).to_bytes(8) + (32 * 8).to_bytes(8)
        blocks = [*fixed, bytes(16), lengths]
        sums.append(_ghash(h, blocks) ^ int.from_bytes(mask))
        factors.append(_times(int.from_bytes(h), int.from_bytes(h)))  # the second block is multiplied by H squared
    wanted = _times(sums[0] ^ sums[1], _inverse(factors[0] ^ factors[1]))
    tag = sums[0] ^ _times(wanted, factors[0])
    return first + wanted.to_bytes(16) + tag.to_bytes(16)


def _block(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)  # noqa: S305 - one block of GCM itself


def _ghash(h: bytes, blocks: list[bytes]) -> int:
    total = 0
    for block in blocks:
        total = _times(total ^ int.from_bytes(block), int.from_bytes(h))
    return total


def _times(x: int, y: int) -> int:
    """In GF(2^128) as NIST SP 800-38D has it: bits from the left, x^128 + x^7 + x^2 + x + 1."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def _inverse(x: int) -> int:
    """x to the power of 2^128 - 2."""
    result, power = 1 << 127, x
    for _ in range(127):
        power = _times(power, power)
        result = _times(result, power)
    return result

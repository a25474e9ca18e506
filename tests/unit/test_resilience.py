"""When something is tried again, and when it is left alone."""

import pytest

from app.domain.runs.recovery import DEADLINE_SECONDS, MAX_TRIES, Recovery
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.resilience.backoff import BASE_SECONDS, LONGEST_SECONDS, full_jitter
from app.lib.resilience.breaker import (
    MAX_TROUBLES,
    MIN_CALLERS,
    PROBE_SECONDS,
    REST_SECONDS,
    WINDOW_SECONDS,
    Breakers,
)

PASSING = ["rate_limit", "overloaded", "server", "timeout", "unreachable", "cut", "malformed"]
LASTING = ["bad_request", "authentication", "permission", "not_found", "too_large", "resting"]


class Now:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def breakers(now: Now) -> Breakers:
    return Breakers(now)


def failure(kind: str, retry_after: float | None = None) -> ProviderError:
    return ProviderError(ProviderErrorKind(kind), "No.", retry_after=retry_after)


def fail(breakers: Breakers, callers: int = MIN_CALLERS) -> None:
    for caller in range(callers):
        breakers.failed("p", caller)


def test_a_wait_is_anything_up_to_a_bound_that_doubles() -> None:
    for tries in range(1, 12):
        waits = [full_jitter(tries) for _ in range(200)]
        bound = min(LONGEST_SECONDS, BASE_SECONDS * 2 ** (tries - 1))
        assert min(waits) < bound / 4
        assert bound / 2 < max(waits) <= bound


@pytest.mark.parametrize("kind", PASSING)
async def test_what_may_pass_is_tried_three_times(kind: str) -> None:
    recovery = Recovery("a/m")

    assert [await recovery.after(failure(kind)) is not None for _ in range(MAX_TRIES)] == [True, True, False]
    assert (recovery.model, recovery.number) == ("a/m", MAX_TRIES)


@pytest.mark.parametrize("kind", LASTING)
async def test_what_lasts_is_not_tried_again(kind: str) -> None:
    assert await Recovery("a/m").after(failure(kind)) is None


async def test_the_provider_is_not_asked_before_it_said_so() -> None:
    wait = await Recovery("a/m").after(failure("rate_limit", retry_after=7))

    assert wait is not None
    assert 7 <= wait <= 7 + BASE_SECONDS


async def test_no_try_begins_after_the_deadline(now: Now) -> None:
    recovery = Recovery("a/m", ["b/m"], now=now)
    assert await recovery.after(failure("server")) is not None
    now.seconds += DEADLINE_SECONDS + 1

    assert await recovery.after(failure("server")) is None
    assert await Recovery("a/m").after(failure("rate_limit", retry_after=DEADLINE_SECONDS + 1)) is None


async def test_the_next_model_is_asked_at_once_and_has_tries_of_its_own() -> None:
    async def usable(model: str) -> bool:
        return model != "b/m"

    recovery = Recovery("a/m", ["b/m", "a/m", "c/m"], usable=usable)

    assert await recovery.after(failure("authentication")) == 0.0
    assert (recovery.model, recovery.number) == ("c/m", 2)
    assert [await recovery.after(failure("server")) is not None for _ in range(MAX_TRIES)] == [True, True, False]


@pytest.mark.parametrize("kind", ["bad_request", "too_large"])
async def test_what_is_wrong_with_the_request_is_sent_to_nobody_else(kind: str) -> None:
    assert await Recovery("a/m", ["b/m"]).after(failure(kind)) is None


def test_one_caller_alone_opens_no_breaker(breakers: Breakers) -> None:
    for _ in range(100):
        breakers.failed("p", "one")

    assert (breakers.state("p"), breakers.wait("p")) == ("closed", 0.0)


def test_several_callers_open_the_breaker_of_what_failed_them_and_no_other(breakers: Breakers) -> None:
    fail(breakers)

    assert (breakers.state("p"), breakers.wait("p")) == ("open", REST_SECONDS)
    assert (breakers.state("q"), breakers.wait("q")) == ("closed", 0.0)


def test_failures_of_long_ago_do_not_count(breakers: Breakers, now: Now) -> None:
    fail(breakers, MIN_CALLERS - 1)
    now.seconds += WINDOW_SECONDS
    breakers.failed("p", "another")

    assert breakers.state("p") == "closed"


def test_an_answer_forgets_the_failures(breakers: Breakers) -> None:
    fail(breakers, MIN_CALLERS - 1)
    breakers.answered("p")
    breakers.failed("p", "another")

    assert breakers.state("p") == "closed"


def test_after_its_rest_one_call_in_a_while_finds_out(breakers: Breakers, now: Now) -> None:
    fail(breakers)
    now.seconds += REST_SECONDS

    assert breakers.state("p") == "half_open"
    assert (breakers.wait("p"), breakers.wait("p")) == (0.0, PROBE_SECONDS)
    assert breakers.state("p") == "half_open"
    now.seconds += PROBE_SECONDS
    assert breakers.wait("p") == 0.0


def test_a_probe_that_fails_begins_another_rest_and_one_that_is_answered_ends_it(breakers: Breakers, now: Now) -> None:
    fail(breakers)
    now.seconds += REST_SECONDS
    breakers.wait("p")
    breakers.failed("p", 0)
    assert (breakers.state("p"), breakers.wait("p")) == ("open", REST_SECONDS)

    now.seconds += REST_SECONDS
    breakers.wait("p")
    breakers.answered("p")
    assert (breakers.state("p"), breakers.wait("p")) == ("closed", 0.0)


def test_what_is_in_trouble_takes_bounded_memory(breakers: Breakers) -> None:
    for number in range(MAX_TROUBLES + 5):
        breakers.failed(number, "one")

    assert len(breakers._troubles) == MAX_TROUBLES

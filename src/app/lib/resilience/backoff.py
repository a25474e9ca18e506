"""How long to wait before something that failed is tried again.

"Full jitter" of Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): a random time between
nothing and `base * 2 ** (tries - 1)`, so that those who failed together do not come back together.
"""

import random

BASE_SECONDS = 0.5
LONGEST_SECONDS = 8.0


def full_jitter(tries: int) -> float:
    """Seconds, after so many tries that failed."""
    return random.uniform(0, min(LONGEST_SECONDS, BASE_SECONDS * 2 ** (tries - 1)))  # noqa: S311 - no secret

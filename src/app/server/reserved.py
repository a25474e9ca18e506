"""Settings that are accepted already and have no effect yet: the start says so of those that are set."""

RESERVED: frozenset[str] = frozenset()

"""Master keys: the newest seals, older ones still open."""


class Ring:
    """What this process has of them. Filled again while it runs: whoever holds the ring sees the change."""

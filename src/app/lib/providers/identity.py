"""Names that we give to the pieces of an answer, because those of models repeat, are empty, or come back changed."""

import string
from secrets import choice
from uuid import uuid4

_ALPHABET = string.ascii_letters + string.digits
_CALL_ID_LENGTH = 9


def new_call_id() -> str:
    """Nine letters and digits: Mistral takes no others."""
    return "".join(choice(_ALPHABET) for _ in range(_CALL_ID_LENGTH))


def new_item_id(kind: str) -> str:
    return f"{kind}_{uuid4().hex}"

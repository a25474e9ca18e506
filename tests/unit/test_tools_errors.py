"""What a model is told of arguments that do not fit: where and why, and not what it sent."""

from typing import Any, Literal

import msgspec
import pytest

from app.domain.agents.tools.desk import Desk
from app.domain.agents.tools.errors import ToolInputInvalid
from app.domain.agents.tools.tool import Tool

KEY = "sk-live-1234567890"


class Wanted(msgspec.Struct):
    colour: Literal["red", "blue"] = "red"
    number: int = 0
    names: list[Literal["a"]] = []


async def _work(_: Desk, wanted: Wanted) -> dict[str, Any]:
    return {"colour": wanted.colour}


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"colour": KEY}, "$.colour"),
        ({"number": KEY}, "$.number"),
        ({"names": ["a", KEY]}, "$.names[1]"),
        (f'{{"colour": "{KEY}'.encode(), ""),
        (f'["{KEY}"]'.encode(), ""),
    ],
)
def test_bad_arguments_are_not_repeated(arguments: dict[str, Any] | bytes, path: str) -> None:
    tool = Tool(name="paint", description="Paints.", arguments=Wanted, work=_work)

    with pytest.raises(ToolInputInvalid) as refused:
        tool.decode(arguments)

    assert KEY not in refused.value.detail
    assert path in refused.value.detail

"""Agents over HTTP."""

from typing import Any
from uuid import uuid4

import httpx

from app.domain.agents.service import MAX_AGENTS
from tests.integration.conftest import SignUp

NOWHERE = str(uuid4())
REFERENCES_TO_NOTHING: list[tuple[dict[str, Any], str]] = [
    ({"tools": ["create_todo", "format_disk"]}, "/tools/1"),
    ({"tools": ["create_todo", "create_todo"]}, "/tools/1"),
    ({"handoffs": ["todo", "nobody"]}, "/handoffs/1"),
    ({"handoffs": [NOWHERE]}, "/handoffs/0"),
    ({"handoffs": ["chat", "chat"]}, "/handoffs/1"),
    ({"handoffs": ["\x00"]}, "/handoffs/0"),
    ({"agent_tools": ["todo", NOWHERE]}, "/agent_tools/1"),
    ({"agent_tools": ["chat", "chat"]}, "/agent_tools/1"),
    ({"tools": ["create_todo"], "approve": ["create_todo", "delete_todo"]}, "/approve/1"),
    ({"tools": ["create_todo"], "approve": ["create_todo", "create_todo"]}, "/approve/1"),
    ({"approve": ["*", "*"]}, "/approve/1"),
]
BAD_BODIES: list[Any] = [
    {},
    {"name": ""},
    {"name": "a\x00"},
    {"name": "a", "instructions": "\x00"},
    {"name": "a", "instructions": "x" * 20_001},
    {"name": "a", "model": "gpt"},
    {"name": "a", "tools": None},
    {"name": "a", "settings": 3},
    {"name": "a", "settings": {"temperature": 9}},
    {"name": "a", "settings": {"api_key": "sk"}},
    {"name": "a", "owner_id": NOWHERE},
    {"name": "a", "owner": NOWHERE},
    {"name": "a", "id": NOWHERE},
    {"name": "a", "builtin": True},
    {"name": "a", "role": "admin"},
    [],
    "a",
    None,
]


async def make(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/api/agents", json={"name": "Helper", **fields})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def pointers(response: httpx.Response) -> list[str]:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [error["pointer"] for error in response.json()["errors"]]


async def test_the_built_in_agents_come_first(client: httpx.AsyncClient) -> None:
    made = await make(client)

    listed = (await client.get("/api/agents")).json()

    assert [(agent["id"], agent["builtin"]) for agent in listed["items"]] == [
        ("todo", True),
        ("chat", True),
        (made["id"], False),
    ]
    assert (listed["total"], listed["limit"], listed["offset"]) == (3, 100, 0)


async def test_a_list_comes_in_pages(client: httpx.AsyncClient) -> None:
    for name in ("one", "two"):
        await make(client, name=name)

    page = (await client.get("/api/agents", params={"limit": 2, "offset": 1})).json()

    assert [agent["name"] for agent in page["items"]] == ["chat", "one"]
    assert (page["total"], page["limit"], page["offset"]) == (4, 2, 1)
    assert (await client.get("/api/agents?offset=100")).json()["items"] == []


async def test_a_page_that_cannot_be_is_refused(client: httpx.AsyncClient) -> None:
    for query in ("limit=0", "limit=101", "limit=x", "offset=-1", f"offset={2**70}"):
        for path in ("/api/agents", "/api/agents/tools"):
            assert (await client.get(f"{path}?{query}")).status_code == 422, query


async def test_an_agent_is_made_read_changed_and_deleted(client: httpx.AsyncClient) -> None:
    fields = {
        "name": "Planner",
        "description": "Plans.",
        "instructions": "Plan.",
        "model": "demo/todo",
        "tools": ["create_todo", "search_todos"],
        "handoffs": ["chat"],
        "agent_tools": ["todo"],
        "approve": ["create_todo"],
        "settings": {"temperature": 0.5},
    }
    made = await make(client, **fields)
    path = f"/api/agents/{made['id']}"
    assert made.items() >= fields.items()
    assert (await client.get(path)).json() == made

    changes = {"description": None, "agent_tools": [], "approve": ["*"], "settings": {"top_p": 1}}
    changed = await client.patch(path, json=changes)

    expected = {**made, **changes, "settings": {"top_p": 1.0}}
    assert changed.json() == {**expected, "updated_at": changed.json()["updated_at"]}
    assert (await client.get(path)).json() == changed.json()
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["code"] == "agent_not_found"
    assert (await client.delete(path)).status_code == 404


async def test_a_name_is_enough(client: httpx.AsyncClient) -> None:
    made = await make(client)

    assert (
        made.items()
        >= {
            "description": None,
            "instructions": "",
            "model": None,
            "tools": [],
            "handoffs": [],
            "agent_tools": [],
            "approve": [],
            "settings": {},
            "builtin": False,
        }.items()
    )


async def test_a_built_in_agent_is_read_by_its_name(client: httpx.AsyncClient) -> None:
    todo = (await client.get("/api/agents/todo")).json()

    assert (todo["id"], todo["builtin"], len(todo["tools"])) == ("todo", True, 10)


async def test_a_built_in_agent_stays_as_it_is(client: httpx.AsyncClient) -> None:
    for path in ("/api/agents/todo", "/api/agents/chat"):
        before = (await client.get(path)).json()

        refused = [await client.patch(path, json={"name": "mine"}), await client.delete(path)]

        assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "agent_builtin")] * 2
        assert (await client.get(path)).json() == before


async def test_the_tools_to_choose_from_are_listed(client: httpx.AsyncClient) -> None:
    tools = (await client.get("/api/agents/tools")).json()

    assert tools["total"] == len(tools["items"]) >= 10
    assert {"create_todo", "get_user_quota"} <= {tool["name"] for tool in tools["items"]}
    assert all(tool["description"] and tool["parameters"]["type"] == "object" for tool in tools["items"])


async def test_a_reference_to_nothing_is_pointed_at(client: httpx.AsyncClient) -> None:
    made = await make(client)

    for fields, pointer in REFERENCES_TO_NOTHING:
        answers = [
            await client.post("/api/agents", json={"name": "a", **fields}),
            await client.patch(f"/api/agents/{made['id']}", json=fields),
        ]

        assert [pointers(answer) for answer in answers] == [[pointer]] * 2, fields

    assert (await client.get("/api/agents")).json()["items"][2:] == [made]


async def test_an_agent_names_not_itself(client: httpx.AsyncClient) -> None:
    made = await make(client)

    for field in ("handoffs", "agent_tools"):
        answer = await client.patch(f"/api/agents/{made['id']}", json={field: [made["id"].upper()]})

        assert pointers(answer) == [f"/{field}/0"]


async def test_another_agent_is_stored_as_it_is_listed(client: httpx.AsyncClient) -> None:
    target = await make(client)
    written = target["id"].upper().replace("-", "")

    giver = await make(client, handoffs=[written], agent_tools=[written])

    assert giver["handoffs"] == giver["agent_tools"] == [target["id"]]


async def test_agents_do_not_ask_each_other_in_circles(client: httpx.AsyncClient) -> None:
    last = await make(client)
    first = await make(client, agent_tools=[(await make(client, agent_tools=[last["id"]]))["id"]])

    answer = await client.patch(f"/api/agents/{last['id']}", json={"agent_tools": ["chat", first["id"]]})

    assert pointers(answer) == ["/agent_tools/1"]
    assert (await client.get(f"/api/agents/{last['id']}")).json() == last


async def test_agents_ask_each_other_three_deep_and_no_deeper(client: httpx.AsyncClient) -> None:
    chain = [await make(client)]
    for _ in range(3):
        chain.append(await make(client, agent_tools=[chain[-1]["id"]]))

    refused = [
        await client.post("/api/agents", json={"name": "a", "agent_tools": [chain[-1]["id"]]}),
        await client.patch(f"/api/agents/{chain[0]['id']}", json={"agent_tools": ["chat"]}),
    ]

    assert [pointers(answer) for answer in refused] == [["/agent_tools/0"]] * 2


async def test_a_tool_that_goes_needs_no_approval_any_more(client: httpx.AsyncClient) -> None:
    made = await make(client, tools=["create_todo", "delete_todo"], approve=["delete_todo", "*"])

    changed = await client.patch(f"/api/agents/{made['id']}", json={"tools": ["create_todo"]})

    assert changed.json()["approve"] == ["*"]


async def test_approvals_and_tools_change_together(client: httpx.AsyncClient) -> None:
    made = await make(client, tools=["create_todo"], approve=["create_todo"])
    path = f"/api/agents/{made['id']}"

    refused = await client.patch(path, json={"tools": ["delete_todo"], "approve": ["create_todo"]})
    changed = await client.patch(path, json={"tools": ["delete_todo"], "approve": ["delete_todo"]})

    assert pointers(refused) == ["/approve/0"]
    assert (changed.json()["tools"], changed.json()["approve"]) == (["delete_todo"], ["delete_todo"])


async def test_a_bad_body_changes_nothing(client: httpx.AsyncClient) -> None:
    made = await make(client)

    for body in BAD_BODIES:
        answers = [await client.post("/api/agents", json=body)]
        if body != {}:
            answers.append(await client.patch(f"/api/agents/{made['id']}", json=body))

        assert {answer.status_code for answer in answers} == {422}, body
        assert {answer.json()["code"] for answer in answers} <= {"invalid_body", "invalid_field"}, body

    assert (await client.get("/api/agents")).json()["items"][2:] == [made]


async def test_text_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    for raw in (b'{"name": "\\ud83d"}', b'{"name": "\xff"}', b'{"name": "a\\u0000"}', b'{"name": '):
        answer = await client.post("/api/agents", content=raw, headers={"content-type": "application/json"})

        assert answer.status_code in {400, 422}, raw


async def test_someone_elses_agent_does_not_exist(sign_up: SignUp) -> None:
    owner, stranger = await sign_up(), await sign_up()
    made = await make(owner)
    path = f"/api/agents/{made['id']}"
    mine = await make(stranger)

    answers = [
        await stranger.get(path),
        await stranger.patch(path, json={"name": "taken over"}),
        await stranger.patch(path, json={}),
        await stranger.delete(path),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "agent_not_found")}
    for field in ("handoffs", "agent_tools"):
        fields = {field: [made["id"]]}
        refused = [
            await stranger.post("/api/agents", json={"name": "a", **fields}),
            await stranger.patch(f"/api/agents/{mine['id']}", json=fields),
        ]
        assert [pointers(answer) for answer in refused] == [[f"/{field}/0"]] * 2
    assert (await stranger.get("/api/agents")).json()["items"][2:] == [mine]
    assert (await owner.get(path)).json() == made


async def test_an_id_that_nobody_has_is_not_found(client: httpx.AsyncClient) -> None:
    for agent_id in ("nobody", NOWHERE, "%0A", "%F0%9F%98%80", "x" * 500):
        path = f"/api/agents/{agent_id}"

        answers = [await client.get(path), await client.patch(path, json={}), await client.delete(path)]

        assert [answer.status_code for answer in answers] == [404] * 3, agent_id


async def test_nobody_gets_anything_without_a_token(anonymous: httpx.AsyncClient) -> None:
    answers = [
        await anonymous.get("/api/agents"),
        await anonymous.get("/api/agents/tools"),
        await anonymous.get("/api/agents/todo"),
        await anonymous.post("/api/agents", json={"name": "a"}),
        await anonymous.patch(f"/api/agents/{NOWHERE}", json={}),
        await anonymous.delete(f"/api/agents/{NOWHERE}"),
    ]

    assert {answer.status_code for answer in answers} == {401}


async def test_there_are_so_many_agents_a_user_and_no_more(sign_up: SignUp) -> None:
    client, another = await sign_up(), await sign_up()
    for _ in range(MAX_AGENTS):
        await make(client)

    refused = await client.post("/api/agents", json={"name": "one more"})

    assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (409, "too_many_agents", 50)
    await make(another)

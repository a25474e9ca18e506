import type { TodoView } from "@headgate/client";
import { expect, test } from "vitest";
import { layOut } from "../src/pages/todos/layout";

const DAY = "2027-03-01";

function todo(id: string, start: string | null, end: string | null = null): TodoView {
  return {
    id,
    item: id,
    description: null,
    status: "pending",
    importance: "medium",
    start_time: start,
    end_time: end,
    tags: [],
    created_at: start ?? "",
    updated_at: start ?? "",
  };
}

function at(hour: string, day = DAY): string {
  return `${day}T${hour}:00Z`;
}

function places(todos: TodoView[], zone = "UTC") {
  return layOut(todos, DAY, zone).map(({ todo, from, to, column, columns }) => [todo.id, from, to, column, columns]);
}

test("what is at one time stands side by side, and only that", () => {
  const todos = [
    todo("a", at("09:00"), at("11:00")),
    todo("b", at("09:30"), at("10:00")),
    todo("c", at("10:00"), at("12:00")),
    todo("d", at("12:00"), at("13:00")),
  ];

  expect(places(todos)).toEqual([
    ["a", 540, 660, 0, 2],
    ["b", 570, 600, 1, 2],
    ["c", 600, 720, 1, 2],
    ["d", 720, 780, 0, 1],
  ]);
});

test("without an end it is an hour long, and with an end alone it stands there", () => {
  expect(places([todo("begins", at("09:00")), todo("ends", null, at("15:00")), todo("neither", null)])).toEqual([
    ["begins", 540, 600, 0, 1],
    ["ends", 900, 960, 0, 1],
  ]);
});

test("what goes past midnight is cut off at it, on both days", () => {
  const night = todo("night", at("23:00"), at("01:30", "2027-03-02"));
  const before = todo("before", at("22:00", "2027-02-28"), at("02:00"));
  const long = todo("long", at("08:00", "2027-02-20"), at("08:00", "2027-03-20"));
  const over = todo("over", at("22:00", "2027-02-28"), at("00:00"));

  expect(places([night])).toEqual([["night", 1380, 1440, 0, 1]]);
  expect(places([before])).toEqual([["before", 0, 120, 0, 1]]);
  expect(places([long])).toEqual([["long", 0, 1440, 0, 1]]);
  expect(places([over])).toEqual([]);
});

test("the clock is that of the profile's zone", () => {
  expect(places([todo("early", at("23:30", "2027-02-28"), at("00:30"))], "Europe/Berlin")).toEqual([
    ["early", 30, 90, 0, 1],
  ]);
});

test("a moment is still high enough to be read, also at the end of the day", () => {
  expect(
    places([todo("short", at("09:00"), at("09:01")), todo("last", at("23:59"), at("00:00", "2027-03-02"))]),
  ).toEqual([
    ["short", 540, 565, 0, 1],
    ["last", 1415, 1440, 0, 1],
  ]);
});

import { expect, test } from "vitest";
import { addDays, dayInWords, spanInWords, toInput, wallOf } from "../src/pages/shared/zone";

test("a wall's clock goes with its zone, also when it is put forward", () => {
  expect(wallOf("2027-03-28T00:30:00Z", "Europe/Berlin")).toEqual({ day: "2027-03-28", minutes: 90 });
  expect(wallOf("2027-03-28T01:30:00Z", "Europe/Berlin")).toEqual({ day: "2027-03-28", minutes: 210 });
  expect(toInput("2027-03-01T23:30:00Z", "Pacific/Auckland")).toBe("2027-03-02T12:30");
  expect(toInput(null, "UTC")).toBe("");
});

test("days follow each other over months and years", () => {
  expect(addDays("2027-12-31", 1)).toBe("2028-01-01");
  expect(addDays("2028-03-01", -1)).toBe("2028-02-29");
  expect(dayInWords("1999-12-31", "UTC")).toContain("1999");
});

test("a span is said as shortly as it can be", () => {
  const [start, end] = ["2027-03-01T09:00:00Z", "2027-03-01T10:30:00Z"];

  expect(spanInWords(start, end, "UTC")).toBe("1 Mar, 09:00 – 10:30");
  expect(spanInWords(start, end, "UTC", "2027-03-01")).toBe("09:00 – 10:30");
  expect(spanInWords(start, "2027-03-02T10:30:00Z", "UTC")).toBe("1 Mar, 09:00 – 2 Mar, 10:30");
  expect(spanInWords(start, null, "UTC")).toBe("1 Mar, 09:00");
  expect(spanInWords(null, end, "UTC")).toBe("by 1 Mar, 10:30");
  expect(spanInWords(null, null, "UTC")).toBe("");
});

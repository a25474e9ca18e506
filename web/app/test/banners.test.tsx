// @vitest-environment jsdom
import { act, cleanup, render } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { Banners } from "../src/chat/banners";
import type { Chat } from "../src/chat/use-chat";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const at = (status: string) => ({ live: { status }, error: null }) as unknown as Chat;

test("a lost connection is told after two seconds, and until it is back", () => {
  vi.useFakeTimers();
  const shown = render(<Banners chat={at("reconnecting")} />);

  act(() => vi.advanceTimersByTime(1999));
  expect(shown.queryByText("The connection is lost.")).toBeNull();
  act(() => vi.advanceTimersByTime(1));
  expect(shown.queryByText("The connection is lost.")).not.toBeNull();
  shown.rerender(<Banners chat={at("streaming")} />);
  expect(shown.queryByText("The connection is lost.")).toBeNull();
});

test("a connection that is soon back is nobody's concern", () => {
  vi.useFakeTimers();
  const shown = render(<Banners chat={at("reconnecting")} />);

  act(() => vi.advanceTimersByTime(1500));
  shown.rerender(<Banners chat={at("streaming")} />);
  act(() => vi.advanceTimersByTime(10_000));

  expect(shown.queryByText("The connection is lost.")).toBeNull();
});

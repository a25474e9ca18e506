import { describe, expect, it } from "vitest";
import { LAGS, Pace } from "../src/chat/smooth";

/** What is shown at each millisecond of a text that comes in these pieces. */
function play(lag: number, pieces: readonly [at: number, length: number][], until: number): number[] {
  const pace = new Pace(lag);
  const shown: number[] = [];
  for (let now = 0; now <= until; now += 1) {
    for (const [at, length] of pieces) if (at === now) pace.arrive(length, now);
    shown.push(pace.shown(now));
  }
  return shown;
}

describe("typing", () => {
  it("is never more than half a second behind, whatever comes when", () => {
    const bursts: [number, number][] = [
      [0, 40],
      [30, 60],
      [35, 900],
      [1400, 901],
      [1420, 2400],
      [1425, 2401],
    ];
    for (const lag of Object.values(LAGS)) {
      expect(lag).toBeLessThan(500);
      const shown = play(lag, bursts, 2500);
      for (const [at, length] of bursts) expect(shown[at + lag] ?? 0).toBeGreaterThanOrEqual(length);
    }
  });

  it("never takes back what it has shown, and never shows what has not come", () => {
    const pieces: [number, number][] = [
      [10, 5],
      [200, 80],
      [210, 81],
      [900, 300],
    ];
    const shown = play(250, pieces, 1500);
    let come = 0;
    shown.forEach((length, now) => {
      come = pieces.findLast(([at]) => at <= now)?.[1] ?? 0;
      expect(length).toBeLessThanOrEqual(come);
      expect(length).toBeGreaterThanOrEqual(shown[now - 1] ?? 0);
    });
  });

  it("makes a flow of a burst", () => {
    const shown = play(250, [[100, 250]], 400);
    const steps = shown.slice(100, 350).map((length, index) => length - (shown[99 + index] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(2);
  });
});

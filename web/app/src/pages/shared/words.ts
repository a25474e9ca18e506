import { number } from "../../lib/format";

/** `1 agent`, `2 agents`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : more}`;
}

const LIST = new Intl.ListFormat("en", { type: "conjunction" });

/** `A, B and C`. */
export function list(names: readonly string[]): string {
  return LIST.format(names);
}

/** `tool_choice` as people say it. */
export function spaced(name: string): string {
  return name.replaceAll("_", " ");
}

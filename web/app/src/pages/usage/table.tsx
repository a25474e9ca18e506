import { date, money, number } from "../../lib/format";
import { Table, Td, Th } from "../../ui";
import type { UsageGroup } from "../shared/types";
import type { GroupBy } from "./data";

export const GROUPS: Record<GroupBy, string> = { day: "Day (UTC)", model: "Model", agent: "Agent", secret: "Key" };

interface Props {
  by: GroupBy;
  groups: readonly UsageGroup[];
  /** Of an agent's or a key's id. */
  nameOf: (key: string) => string;
}

export function HistoryTable({ by, groups, nameOf }: Props) {
  const figures = "text-right tabular-nums whitespace-nowrap";
  return (
    <Table caption={`Usage by ${by === "secret" ? "key" : by}`}>
      <thead>
        <tr>
          <Th>{GROUPS[by]}</Th>
          <Th className="text-right">Runs</Th>
          <Th className="text-right">Calls</Th>
          <Th className="text-right">Tokens in</Th>
          <Th className="text-right">Tokens out</Th>
          <Th className="text-right">Lent keys</Th>
          <Th className="text-right">Own keys</Th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => (
          <tr key={group.key}>
            <Td className={by === "day" ? "whitespace-nowrap" : "wrap-anywhere"}>{name(group.key)}</Td>
            <Td className={figures}>{number(group.runs)}</Td>
            <Td className={figures}>{number(group.provider_calls)}</Td>
            <Td className={figures}>{number(group.input_tokens)}</Td>
            <Td className={figures}>{number(group.output_tokens)}</Td>
            <Td className={figures}>{money(group.cost_usd)}</Td>
            <Td className={figures}>{money(group.own_key_cost_usd)}</Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );

  function name(key: string | null): string {
    if (key === null) return by === "secret" ? "Lent by the server" : "–";
    return by === "day" ? date(`${key}T12:00:00`) : nameOf(key);
  }
}

import { useState } from "react";
import { money, number } from "../../lib/format";
import { EmptyState, ErrorState, Loading, Table, Td, TextField, Th } from "../../ui";
import { ChartIcon } from "../../ui/icons";
import { Pager } from "../shared/pager";
import { utcDay } from "../usage/data";
import { PAGE, useAllUsage } from "./data";

export function UsageTab() {
  const [month, setMonth] = useState(() => utcDay().slice(0, 7));
  const [offset, setOffset] = useState(0);
  const usage = useAllUsage(month, offset);
  const figures = "text-right tabular-nums whitespace-nowrap";

  return (
    <>
      <TextField
        type="month"
        label="Month (UTC)"
        fieldClassName="max-w-52"
        value={month}
        onChange={(event) => {
          if (!event.target.value) return;
          setMonth(event.target.value);
          setOffset(0);
        }}
      />
      {usage.isPending && <Loading what="Loading usage" />}
      {usage.isError && <ErrorState what="The usage" error={usage.error} retry={() => usage.refetch()} />}
      {usage.data?.total === 0 && (
        <EmptyState icon={<ChartIcon />} title="Nobody used anything in this month">
          Every request and every call of a provider is counted here. Look at another month.
        </EmptyState>
      )}
      {usage.data && usage.data.total > 0 && (
        <Table caption={`Usage of all users in ${month}`}>
          <thead>
            <tr>
              <Th>User</Th>
              <Th className="text-right">Requests</Th>
              <Th className="text-right">Calls</Th>
              <Th className="text-right">Tokens</Th>
              <Th className="text-right">Cost of lent keys</Th>
              <Th className="text-right">Unpriced calls</Th>
            </tr>
          </thead>
          <tbody>
            {usage.data.items.map((user) => (
              <tr key={user.user_id}>
                <Td className="wrap-anywhere">{user.email ?? `user ${user.user_id.slice(0, 8)}…`}</Td>
                <Td className={figures}>{number(user.requests)}</Td>
                <Td className={figures}>{number(user.provider_calls)}</Td>
                <Td className={figures}>{number(user.tokens)}</Td>
                <Td className={figures}>{money(user.cost_usd)}</Td>
                <Td className={figures}>{number(user.unpriced_calls)}</Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {usage.data && <Pager offset={offset} limit={PAGE} total={usage.data.total} onChange={setOffset} />}
    </>
  );
}

import { dateTime, money, number } from "../../lib/format";
import { Card, Meter } from "../../ui";
import type { QuotaStatus } from "../shared/types";
import { many } from "../shared/words";

/** How much of each limit is used, and when it begins anew. */
export function QuotaMeters({ quota }: { quota: QuotaStatus }) {
  const tokens = quota.tokens_used + quota.tokens_reserved;
  const cost = Number(quota.cost_usd_used) + Number(quota.cost_usd_reserved);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="This month">
        <div className="flex flex-col gap-5">
          <Meter
            label="Requests"
            used={quota.requests_used}
            limit={quota.requests_limit}
            text={`${number(quota.requests_used)} of ${number(quota.requests_limit)}`}
          />
          {quota.tokens_limit === null ? (
            <Plain name="Tokens" value={number(quota.tokens_used)} />
          ) : (
            <Meter
              label="Tokens"
              used={tokens}
              limit={quota.tokens_limit}
              text={`${number(tokens)} of ${number(quota.tokens_limit)}`}
            />
          )}
          {quota.cost_usd_limit === null ? (
            <Plain name="Cost of lent keys" value={money(quota.cost_usd_used)} />
          ) : (
            <Meter
              label="Cost of lent keys"
              used={cost}
              limit={Number(quota.cost_usd_limit)}
              text={`${money(String(cost))} of ${money(quota.cost_usd_limit)}`}
            />
          )}
          <p className="text-sm text-muted">
            Begins anew on {dateTime(quota.reset_date)}. {many(quota.provider_calls, "call")} of providers so far
            {quota.unpriced_calls > 0 && `, ${number(quota.unpriced_calls)} of them at a price nobody knows`}.
          </p>
        </div>
      </Card>
      <Card title="Now">
        <div className="flex flex-col gap-5">
          <Meter
            label="Runs at once"
            used={quota.concurrent_runs_used}
            limit={quota.concurrent_runs_limit}
            text={`${number(quota.concurrent_runs_used)} of ${number(quota.concurrent_runs_limit)}`}
          />
          {quota.rate_limit_remaining === null ? (
            <Plain name="Starts in any minute" value={`at most ${number(quota.rate_limit_per_minute)}`} />
          ) : (
            <Meter
              label="Starts in the last minute"
              used={quota.rate_limit_per_minute - quota.rate_limit_remaining}
              limit={quota.rate_limit_per_minute}
              text={`${number(quota.rate_limit_per_minute - quota.rate_limit_remaining)} of ${number(quota.rate_limit_per_minute)}`}
            />
          )}
          <p className="text-sm text-muted">
            Paused and waiting runs count as well. If a limit is in your way, ask an administrator for more.
          </p>
        </div>
      </Card>
    </div>
  );
}

function Plain({ name, value }: { name: string; value: string }) {
  return (
    <div className="flex flex-wrap items-baseline justify-between gap-x-3 text-sm">
      <span className="font-medium">{name}</span>
      <span className="text-muted">{value} · no limit</span>
    </div>
  );
}

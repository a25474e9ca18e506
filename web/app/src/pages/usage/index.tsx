import { lazy, Suspense, useState } from "react";
import { Alert, Button, EmptyState, ErrorState, Loading, Page, PageHeader, SelectField, Skeleton } from "../../ui";
import { ChartIcon, DownloadIcon } from "../../ui/icons";
import { useAgents } from "../agents/data";
import { useSecrets } from "../secrets/data";
import { FormProblem } from "../shared/form";
import { useAction } from "../shared/use-action";
import { daysOf, downloadHistory, type GroupBy, type Span, useHistory, useQuota, utcDay } from "./data";
import { QuotaMeters } from "./meters";
import { GROUPS, HistoryTable } from "./table";

const Charts = lazy(() => import("./charts"));

const SPANS = [
  { days: 7, text: "Last 7 days" },
  { days: 30, text: "Last 30 days" },
  { days: 90, text: "Last 90 days" },
  { days: 365, text: "Last 365 days" },
];

export default function UsagePage() {
  const quota = useQuota();
  return (
    <Page>
      <PageHeader
        title="Usage"
        description="What your runs have used, and what is left of your limits. Days and months are counted in UTC."
      />
      {quota.isPending && <Loading what="Loading your limits" />}
      {quota.isError && <ErrorState what="Your limits" error={quota.error} retry={() => quota.refetch()} />}
      {quota.data && <QuotaMeters quota={quota.data} />}
      <History />
    </Page>
  );
}

function History() {
  const [length, setLength] = useState(30);
  const [by, setBy] = useState<GroupBy>("day");
  const span: Span = { since: utcDay(length - 1), until: utcDay() };
  const days = useHistory("day", span);
  const models = useHistory("model", span);
  const groups = useHistory(by, span);
  const nameOf = useNames(by);
  const csv = useAction(() => downloadHistory(by, span));
  const empty = days.data?.length === 0;

  return (
    <section aria-labelledby="history" className="flex flex-col gap-4">
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h2 id="history" className="text-lg font-semibold">
          History
        </h2>
        <div className="flex flex-wrap gap-2">
          <SelectField
            hideLabel
            label="Span"
            value={length}
            onChange={(event) => setLength(Number(event.target.value))}
          >
            {SPANS.map((one) => (
              <option key={one.days} value={one.days}>
                {one.text}
              </option>
            ))}
          </SelectField>
          <SelectField hideLabel label="Group by" value={by} onChange={(event) => setBy(event.target.value as GroupBy)}>
            {(Object.keys(GROUPS) as GroupBy[]).map((name) => (
              <option key={name} value={name}>
                By {name === "secret" ? "key" : name}
              </option>
            ))}
          </SelectField>
          <Button icon={<DownloadIcon />} busy={csv.busy} disabled={empty} onClick={() => csv.run()}>
            CSV
          </Button>
        </div>
      </div>
      <FormProblem error={csv.error} />
      {days.isPending && <Loading what="Loading the history" />}
      {days.isError && <ErrorState what="The history" error={days.error} retry={() => days.refetch()} />}
      {empty && (
        <EmptyState icon={<ChartIcon />} title="Nothing was used in this time">
          Start a chat, and every call of a provider is counted here: by day, model, agent and key. Or look at a longer
          time.
        </EmptyState>
      )}
      {days.data && !empty && (
        <>
          <Suspense fallback={<Skeleton className="h-64 rounded-2xl" />}>
            <Charts days={daysOf(span)} groups={days.data} models={models.data ?? []} />
          </Suspense>
          {groups.isError && <ErrorState what="This table" error={groups.error} retry={() => groups.refetch()} />}
          {groups.data && <HistoryTable by={by} groups={groups.data} nameOf={nameOf} />}
          {groups.data?.some((group) => group.unpriced_calls > 0) && (
            <Alert>Some calls have a price that nobody knows: they are not in the cost.</Alert>
          )}
        </>
      )}
    </section>
  );
}

/** The ledger knows ids; people know names. What was deleted keeps its id. */
function useNames(by: GroupBy): (key: string) => string {
  const agents = useAgents();
  const secrets = useSecrets();
  return (key) => {
    if (by === "agent") return agents.data?.find((agent) => agent.id === key)?.name ?? key;
    if (by === "secret")
      return secrets.data?.find((secret) => secret.id === key)?.name ?? `deleted (${key.slice(0, 8)})`;
    return key;
  };
}

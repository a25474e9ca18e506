import { useState } from "react";
import { compact, date, dateTime, money, number } from "../../lib/format";
import { inWords } from "../../lib/problems";
import { Alert, Badge, Button, Dialog, EmptyState, ErrorState, Loading, Table, Tabs, Td, Th, toast } from "../../ui";
import type { SecretView } from "../shared/types";
import { many, spaced } from "../shared/words";
import { useKeyUsage, useSecretActions, useTrail, useVersions } from "./data";
import { actionInWords } from "./words";

const TABS = [
  { name: "usage", title: "Usage" },
  { name: "versions", title: "Versions" },
  { name: "audit", title: "Audit trail" },
] as const;

export type Detail = (typeof TABS)[number]["name"];

/** What was done with a key, what for, and which ones there were before. */
export function SecretDetails({ secret, start, onClose }: { secret: SecretView; start: Detail; onClose: () => void }) {
  const [tab, setTab] = useState<Detail>(start);
  return (
    <Dialog open size="lg" title={secret.name} onClose={onClose} footer={<Button onClick={onClose}>Close</Button>}>
      <Tabs label={`About ${secret.name}`} tabs={TABS} selected={tab} onSelect={setTab}>
        {tab === "usage" && <KeyUsage id={secret.id} />}
        {tab === "versions" && <Versions secret={secret} />}
        {tab === "audit" && <Trail id={secret.id} />}
      </Tabs>
    </Dialog>
  );
}

function KeyUsage({ id }: { id: string }) {
  const usage = useKeyUsage(id);
  if (usage.isPending) return <Loading />;
  if (usage.isError) return <ErrorState what="Its usage" error={usage.error} retry={() => usage.refetch()} />;
  const { items, total, last_error, last_error_at } = usage.data;
  return (
    <>
      {last_error && last_error_at && (
        <Alert look="warn" title={`The last failure: ${spaced(last_error)}`}>
          {dateTime(last_error_at)}
        </Alert>
      )}
      {items.length === 0 ? (
        <EmptyState title="Not used yet">Calls of the provider with this key are counted here, day by day.</EmptyState>
      ) : (
        <Table caption="Usage by day">
          <thead>
            <tr>
              <Th>Day (UTC)</Th>
              <Th className="text-right">Calls</Th>
              <Th className="text-right">Tokens in</Th>
              <Th className="text-right">Tokens out</Th>
              <Th className="text-right">Cost</Th>
              <Th className="text-right">Errors</Th>
            </tr>
          </thead>
          <tbody>
            {items.map((day) => (
              <tr key={day.day}>
                <Td className="whitespace-nowrap">{date(`${day.day}T12:00:00`)}</Td>
                <Td className="text-right tabular-nums">{number(day.requests)}</Td>
                <Td className="text-right tabular-nums">{compact(day.input_tokens)}</Td>
                <Td className="text-right tabular-nums">{compact(day.output_tokens)}</Td>
                <Td className="text-right tabular-nums">{money(day.cost_usd)}</Td>
                <Td className="text-right tabular-nums">{number(day.errors)}</Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {total > items.length && (
        <p className="text-sm text-muted">
          The last {many(items.length, "day")} of {number(total)} on which it was used.
        </p>
      )}
    </>
  );
}

function Versions({ secret }: { secret: SecretView }) {
  const versions = useVersions(secret.id);
  const { restore } = useSecretActions();
  if (versions.isPending) return <Loading />;
  if (versions.isError)
    return <ErrorState what="Its versions" error={versions.error} retry={() => versions.refetch()} />;

  async function goBack(version: number) {
    try {
      await restore(secret.id, version);
      toast(`${secret.name} uses version ${version} again.`);
    } catch (error) {
      const words = inWords(error);
      toast(`${words.title} ${words.next}`, "error");
    }
  }

  return (
    <ul aria-label="Versions" className="flex flex-col divide-y divide-line rounded-2xl border border-line">
      {versions.data.map((version) => (
        <li key={version.version} className="flex flex-wrap items-center justify-between gap-3 p-4">
          <div className="min-w-0">
            <p className="flex flex-wrap items-center gap-2">
              <span className="font-medium">Version {version.version}</span>
              <code className="text-sm text-muted">{version.masked}</code>
              {version.current && <Badge look="ok">current</Badge>}
              {version.shredded && <Badge>shredded</Badge>}
            </p>
            <p className="text-sm text-muted wrap-anywhere">
              Stored {dateTime(version.created_at)}
              {version.base_url && `, for ${version.base_url}`}
              {!version.current &&
                !version.shredded &&
                `, valid ${version.valid_until ? `until ${dateTime(version.valid_until)}` : "until the last run that has used it ends"}`}
            </p>
          </div>
          {!version.current && !version.shredded && (
            <Button size="sm" onClick={() => goBack(version.version)}>
              Go back to it
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}

const PAGE = 20;

function Trail({ id }: { id: string }) {
  const [limit, setLimit] = useState(PAGE);
  const trail = useTrail(id, limit);
  if (trail.isPending) return <Loading />;
  if (trail.isError) return <ErrorState what="Its audit trail" error={trail.error} retry={() => trail.refetch()} />;
  return (
    <>
      <ol aria-label="Audit trail" className="flex flex-col divide-y divide-line rounded-2xl border border-line">
        {trail.data.items.map((entry) => (
          <li key={entry.seq} className="flex flex-wrap items-baseline justify-between gap-x-4 px-4 py-2.5 text-sm">
            <span className="min-w-0 wrap-anywhere">
              <span className="font-medium">{actionInWords(entry.action)}</span>
              {entry.version !== null && <span className="text-muted"> · version {entry.version}</span>}
              {entry.detail && <span className="text-muted"> · {entry.detail}</span>}
            </span>
            <span className="text-muted">
              {dateTime(entry.at)}
              {entry.address && ` from ${entry.address}`}
            </span>
          </li>
        ))}
      </ol>
      {trail.data.total > trail.data.items.length && limit < 100 && (
        <Button className="self-center" onClick={() => setLimit(Math.min(100, limit + 40))}>
          Show more
        </Button>
      )}
    </>
  );
}

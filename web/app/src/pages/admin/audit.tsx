import { useState } from "react";
import { client } from "../../lib/client";
import { dateTime } from "../../lib/format";
import { Alert, Button, EmptyState, ErrorState, Loading, Table, Td, Th } from "../../ui";
import { DownloadIcon, ShieldIcon } from "../../ui/icons";
import { actionInWords } from "../secrets/words";
import { call } from "../shared/call";
import { FormProblem } from "../shared/form";
import { Pager } from "../shared/pager";
import type { AuditVerdict, Role } from "../shared/types";
import { useAction } from "../shared/use-action";
import { many } from "../shared/words";
import { save } from "../usage/data";
import { PAGE, useAudit, useNames } from "./data";

/** What was done with keys, by whom and from where; and whether that is still as it was written. */
export function AuditTab({ role }: { role: Role }) {
  const [owner, setOwner] = useState("");
  const [offset, setOffset] = useState(0);
  const [verdict, setVerdict] = useState<AuditVerdict | null>(null);
  const trail = useAudit(owner, offset);
  const nameOf = useNames(role);
  const verify = useAction(async () =>
    setVerdict(await call("POST /api/admin/audit/{owner_id}/verify", { path: { owner_id: owner } })),
  );
  const download = useAction(async () => {
    const answer = await client.download("GET /api/admin/audit/export", owner ? { query: { owner_id: owner } } : {});
    save(await answer.blob(), "audit.jsonl");
  });

  function choose(id: string) {
    setOwner(id);
    setOffset(0);
    setVerdict(null);
  }

  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-sm text-muted">
          {owner ? `The keys of ${nameOf(owner)}` : "The keys of everyone. Choose an owner to check their trail."}
        </p>
        <div className="flex flex-wrap gap-2">
          {owner && (
            <>
              <Button onClick={() => choose("")}>Everyone</Button>
              <Button icon={<ShieldIcon />} busy={verify.busy} onClick={() => verify.run()}>
                Check the trail
              </Button>
            </>
          )}
          <Button icon={<DownloadIcon />} busy={download.busy} onClick={() => download.run()}>
            Export
          </Button>
        </div>
      </div>
      <FormProblem error={verify.error ?? download.error} />
      {verdict && <Verdict verdict={verdict} />}
      {trail.isPending && <Loading what="Loading the audit trail" />}
      {trail.isError && <ErrorState what="The audit trail" error={trail.error} retry={() => trail.refetch()} />}
      {trail.data?.total === 0 && (
        <EmptyState icon={<ShieldIcon />} title="Nothing to tell yet">
          When someone stores, uses, reveals, rotates or deletes a key, it is written down here, for good.
        </EmptyState>
      )}
      {trail.data && trail.data.total > 0 && (
        <Table caption="Audit trail">
          <thead>
            <tr>
              <Th>When</Th>
              <Th>What</Th>
              <Th>Owner</Th>
              <Th>By</Th>
              <Th>From</Th>
            </tr>
          </thead>
          <tbody>
            {trail.data.items.map((entry) => (
              <tr key={`${entry.owner_id} ${entry.seq}`}>
                <Td className="whitespace-nowrap text-muted">{dateTime(entry.at)}</Td>
                <Td className="min-w-40 wrap-anywhere">
                  <span className="font-medium">{actionInWords(entry.action)}</span>
                  {entry.secret_id && (
                    <span className="text-muted" title={entry.secret_id}>
                      {" "}
                      · key …{entry.secret_id.slice(-6)}
                      {entry.version !== null && ` v${entry.version}`}
                    </span>
                  )}
                  {entry.detail && <span className="block text-muted">{entry.detail}</span>}
                </Td>
                <Td className="min-w-36">
                  <button
                    type="button"
                    className="cursor-pointer text-left text-accent-text wrap-anywhere hover:underline"
                    onClick={() => choose(entry.owner_id)}
                  >
                    {nameOf(entry.owner_id)}
                  </button>
                </Td>
                <Td className="min-w-36 wrap-anywhere">
                  {entry.actor_id === entry.owner_id ? "the owner" : nameOf(entry.actor_id)}
                </Td>
                <Td className="whitespace-nowrap text-muted">{entry.address || "–"}</Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {trail.data && <Pager offset={offset} limit={PAGE} total={trail.data.total} onChange={setOffset} />}
    </>
  );
}

const REASONS: Record<string, string> = {
  edited: "A row is not as it was written.",
  missing: "A row is missing.",
  cut_off: "Rows are missing at the end.",
  head: "What closes the trail was changed.",
  sealed: "The vault is sealed, so that nothing can be checked.",
};

function Verdict({ verdict }: { verdict: AuditVerdict }) {
  const reason = verdict.reason ? REASONS[verdict.reason] : "";
  if (!reason) {
    return (
      <Alert live look="ok" title={`This trail is whole: ${many(verdict.rows, "row")}, each as it was written.`}>
        Compare the number with the one you have kept elsewhere.
      </Alert>
    );
  }
  return (
    <Alert live look="danger" title={reason}>
      {verdict.broken_at != null && `At row ${verdict.broken_at}. `}Look at who has access to the database, and compare
      with the last export.
    </Alert>
  );
}

import { useState } from "react";
import { Button, Card, EmptyState, ErrorState, Loading } from "../../ui";
import type { Role } from "../shared/types";
import { useNames, useQuotas, type Whose } from "./data";
import { belongs, QuotaDialog, quotaInWords } from "./quota-dialog";

const ROLES: readonly Role[] = ["user", "auditor", "admin"];

export function QuotasTab() {
  const quotas = useQuotas();
  const nameOf = useNames("admin");
  const [shown, show] = useState<{ whose: Whose; called: string } | null>(null);
  if (quotas.isPending) return <Loading what="Loading limits" />;
  if (quotas.isError) return <ErrorState what="The limits" error={quotas.error} retry={() => quotas.refetch()} />;
  const users = quotas.data.filter((quota) => quota.user_id !== null);

  return (
    <>
      <Card title="By role">
        <ul className="flex flex-col divide-y divide-line">
          {ROLES.map((role) => {
            const quota = quotas.data.find((one) => belongs(one, { role }));
            return (
              <Row
                key={role}
                name={`Everybody who is ${role}`}
                text={quota ? quotaInWords(quota) : "The server's settings"}
                onEdit={() => show({ whose: { role }, called: `the role ${role}` })}
              />
            );
          })}
        </ul>
      </Card>
      <Card title="By user">
        {users.length === 0 ? (
          <EmptyState title="No user has limits of their own">
            Choose “Limits” beside a user to allow them more or less than their role.
          </EmptyState>
        ) : (
          <ul className="flex flex-col divide-y divide-line">
            {users.map((quota) => (
              <Row
                key={quota.user_id}
                name={nameOf(quota.user_id)}
                text={quotaInWords(quota)}
                onEdit={() => show({ whose: { user: quota.user_id ?? "" }, called: nameOf(quota.user_id) })}
              />
            ))}
          </ul>
        )}
      </Card>
      {shown && <QuotaDialog {...shown} onClose={() => show(null)} />}
    </>
  );
}

function Row({ name, text, onEdit }: { name: string; text: string; onEdit: () => void }) {
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0">
        <p className="font-medium wrap-anywhere">{name}</p>
        <p className="text-sm text-muted">{text}</p>
      </div>
      <Button size="sm" aria-label={`Change the limits of ${name}`} onClick={onEdit}>
        Change
      </Button>
    </li>
  );
}

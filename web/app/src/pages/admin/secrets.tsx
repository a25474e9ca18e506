import { useId, useState } from "react";
import { ago, date } from "../../lib/format";
import { inWords } from "../../lib/problems";
import {
  Badge,
  Button,
  Card,
  ConfirmDialog,
  Dialog,
  EmptyState,
  ErrorState,
  Loading,
  SelectField,
  Table,
  Td,
  TextField,
  Th,
  toast,
} from "../../ui";
import { PlusIcon } from "../../ui/icons";
import { GUIDES, titleOf } from "../secrets/guides";
import { FormProblem, fieldErrors } from "../shared/form";
import { Pager } from "../shared/pager";
import type { KeptSecret } from "../shared/types";
import { useAction } from "../shared/use-action";
import { many } from "../shared/words";
import { PAGE, useAdminActions, useKeptSecrets, useNames, usePolicies } from "./data";

/** That keys exist, and what an administrator may do about it. No values, not even masked ones. */
export function SecretsTab() {
  const [offset, setOffset] = useState(0);
  const [removing, remove] = useState<KeptSecret | null>(null);
  const secrets = useKeptSecrets(offset);
  const nameOf = useNames("admin");
  const actions = useAdminActions();

  async function keep(secret: KeptSecret, disabled: boolean) {
    try {
      await actions.keepSecret(secret.id, disabled);
      toast(
        disabled
          ? `${secret.name} is disabled: only an administrator can enable it.`
          : `${secret.name} can be used again.`,
      );
    } catch (error) {
      const words = inWords(error);
      toast(`${words.title} ${words.next}`, "error");
    }
  }

  return (
    <>
      <Policies />
      {secrets.isPending && <Loading what="Loading keys" />}
      {secrets.isError && <ErrorState what="The keys" error={secrets.error} retry={() => secrets.refetch()} />}
      {secrets.data?.total === 0 && (
        <EmptyState title="Nobody has stored a key">
          Users add their keys under Secrets. Here you see that they exist, and never what they are.
        </EmptyState>
      )}
      {secrets.data && secrets.data.total > 0 && (
        <Table caption="Keys of all users">
          <thead>
            <tr>
              <Th>Owner</Th>
              <Th>Name</Th>
              <Th>Provider</Th>
              <Th>State</Th>
              <Th>Last used</Th>
              <Th>
                <span className="sr-only">Actions</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {secrets.data.items.map((secret) => (
              <tr key={secret.id}>
                <Td className="min-w-40 wrap-anywhere">{nameOf(secret.owner_id)}</Td>
                <Td className="min-w-24 font-medium wrap-anywhere">{secret.name}</Td>
                <Td className="whitespace-nowrap">{titleOf(secret.provider)}</Td>
                <Td className="whitespace-nowrap">
                  <Badge look={secret.state === "active" ? "ok" : secret.state === "expired" ? "danger" : "neutral"}>
                    {secret.state}
                    {secret.disabled_by && ` by ${secret.disabled_by === "admin" ? "an admin" : "its owner"}`}
                  </Badge>
                  {secret.expires_at && (
                    <span className="block pt-1 text-xs text-muted">ends {date(secret.expires_at)}</span>
                  )}
                </Td>
                <Td className="whitespace-nowrap text-muted">
                  {secret.last_used_at ? ago(secret.last_used_at) : "never"}
                </Td>
                <Td>
                  <div className="flex justify-end gap-2">
                    <Button
                      size="sm"
                      aria-label={`${secret.disabled_by === "admin" ? "Enable" : "Disable"} ${secret.name}`}
                      onClick={() => keep(secret, secret.disabled_by !== "admin")}
                    >
                      {secret.disabled_by === "admin" ? "Enable" : "Disable"}
                    </Button>
                    <Button
                      size="sm"
                      look="danger-ghost"
                      aria-label={`Delete ${secret.name}`}
                      onClick={() => remove(secret)}
                    >
                      Delete
                    </Button>
                  </div>
                </Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {secrets.data && <Pager offset={offset} limit={PAGE} total={secrets.data.total} onChange={setOffset} />}
      {removing && <RemoveKey secret={removing} owner={nameOf(removing.owner_id)} onClose={() => remove(null)} />}
    </>
  );
}

function RemoveKey({ secret, owner, onClose }: { secret: KeptSecret; owner: string; onClose: () => void }) {
  const actions = useAdminActions();
  const remove = useAction(() => actions.removeSecret(secret.id));
  return (
    <ConfirmDialog
      open
      title={`Delete ${secret.name} of ${owner}?`}
      description="Its value is shredded and cannot be brought back. Runs of its owner that need it will fail."
      confirm="Delete key"
      typed={secret.name}
      busy={remove.busy}
      onClose={onClose}
      onConfirm={async () => {
        if (!(await remove.run())) return;
        onClose();
        toast(`${secret.name} was deleted.`);
      }}
    >
      <FormProblem error={remove.error} />
    </ConfirmDialog>
  );
}

function Policies() {
  const policies = usePolicies();
  const actions = useAdminActions();
  const lift = useAction(actions.removePolicy);
  const [adding, add] = useState(false);
  return (
    <Card
      title="How old keys may become"
      actions={
        <Button size="sm" icon={<PlusIcon className="size-4" />} onClick={() => add(true)}>
          Set a limit
        </Button>
      }
    >
      {policies.isPending && <Loading />}
      {policies.isError && <ErrorState what="The limits" error={policies.error} retry={() => policies.refetch()} />}
      <FormProblem error={lift.error} />
      {policies.data?.length === 0 && (
        <p className="text-sm text-muted">Keys of every provider may become as old as they will.</p>
      )}
      {policies.data && policies.data.length > 0 && (
        <ul className="flex flex-col divide-y divide-line">
          {policies.data.map((policy) => (
            <li key={policy.provider} className="flex items-center justify-between gap-3 py-2">
              <span className="text-sm">
                <span className="font-medium">{titleOf(policy.provider)}</span>: {many(policy.max_age_days, "day")}
              </span>
              <Button
                size="sm"
                look="ghost"
                aria-label={`Take away the limit of ${titleOf(policy.provider)}`}
                onClick={() => lift.run(policy.provider)}
              >
                Take away
              </Button>
            </li>
          ))}
        </ul>
      )}
      {adding && <PolicyDialog onClose={() => add(false)} />}
    </Card>
  );
}

function PolicyDialog({ onClose }: { onClose: () => void }) {
  const [provider, setProvider] = useState("openai");
  const [days, setDays] = useState("90");
  const form = useId();
  const save = useAction(useAdminActions().setPolicy);
  const fits = /^\d{1,4}$/.test(days) && Number(days) >= 1 && Number(days) <= 3650;
  const { errorAt, shown } = fieldErrors(
    save.error,
    fits ? [] : [{ pointer: "/max_age_days", detail: "From 1 to 3650 days." }],
  );

  async function submit(event: React.FormEvent) {
    event.preventDefault();
    if (fits && (await save.run(provider, Number(days)))) onClose();
  }

  return (
    <Dialog
      open
      title="Limit the age of keys"
      description="Stored keys too: those that are older end at once."
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={save.busy}>
            Set the limit
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} noValidate className="flex flex-col gap-4">
        <FormProblem error={save.error} shown={shown} />
        <SelectField label="Provider" value={provider} onChange={(event) => setProvider(event.target.value)}>
          {GUIDES.map((guide) => (
            <option key={guide.provider} value={guide.provider}>
              {guide.title}
            </option>
          ))}
        </SelectField>
        <TextField
          label="Days"
          inputMode="numeric"
          value={days}
          error={errorAt("/max_age_days")}
          onChange={(event) => setDays(event.target.value)}
        />
      </form>
    </Dialog>
  );
}

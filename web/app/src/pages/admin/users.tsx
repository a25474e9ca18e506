import { useDeferredValue, useState } from "react";
import { date } from "../../lib/format";
import { inWords } from "../../lib/problems";
import {
  Badge,
  Button,
  ConfirmDialog,
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
import { FormProblem } from "../shared/form";
import { Pager } from "../shared/pager";
import type { KeptUser, Me, Role } from "../shared/types";
import { useAction } from "../shared/use-action";
import { PAGE, useAdminActions, useUsers } from "./data";
import { QuotaDialog } from "./quota-dialog";

const ROLES: readonly Role[] = ["user", "auditor", "admin"];

export function UsersTab({ me }: { me: Me }) {
  const [text, setText] = useState("");
  const [offset, setOffset] = useState(0);
  const [disabling, disable] = useState<KeptUser | null>(null);
  const [limiting, limit] = useState<KeptUser | null>(null);
  const users = useUsers(useDeferredValue(text.trim()), offset);
  const actions = useAdminActions();

  async function keep(user: KeptUser, change: { role?: Role; disabled?: boolean }, said: string) {
    try {
      await actions.keepUser(user.id, change);
      toast(said);
    } catch (error) {
      const words = inWords(error);
      toast(`${words.title} ${words.next}`, "error");
    }
  }

  return (
    <>
      <search>
        <TextField
          hideLabel
          type="search"
          label="Search users"
          placeholder="Search by address or name"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setOffset(0);
          }}
        />
      </search>
      {users.isPending && <Loading what="Loading users" />}
      {users.isError && <ErrorState what="The users" error={users.error} retry={() => users.refetch()} />}
      {users.data?.total === 0 && (
        <EmptyState title="Nobody found">No address and no name has this in it. Search for less of it.</EmptyState>
      )}
      {users.data && users.data.total > 0 && (
        <Table caption="Users">
          <thead>
            <tr>
              <Th>User</Th>
              <Th className="max-sm:hidden">Since</Th>
              <Th>Role</Th>
              <Th>
                <span className="sr-only">Actions</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {users.data.items.map((user) => {
              const called = nameOf(user);
              return (
                <tr key={user.id}>
                  <Td className="min-w-44">
                    <span className="font-medium wrap-anywhere">{called}</span>
                    {user.email && user.name && <span className="block text-muted">{user.name}</span>}
                    {user.disabled_at && (
                      <Badge look="danger" className="mt-1">
                        disabled
                      </Badge>
                    )}
                  </Td>
                  <Td className="whitespace-nowrap text-muted max-sm:hidden">{date(user.created_at)}</Td>
                  <Td>
                    <SelectField
                      hideLabel
                      label={`Role of ${called}`}
                      className="min-w-28"
                      value={user.role}
                      disabled={user.id === me.id}
                      onChange={(event) =>
                        void keep(user, { role: event.target.value as Role }, `${called} is ${event.target.value} now.`)
                      }
                    >
                      {ROLES.map((role) => (
                        <option key={role}>{role}</option>
                      ))}
                    </SelectField>
                  </Td>
                  <Td>
                    <div className="flex items-center justify-end gap-2">
                      <Button size="sm" onClick={() => limit(user)} aria-label={`Limits of ${called}`}>
                        Limits
                      </Button>
                      {user.id === me.id ? (
                        <Badge>you</Badge>
                      ) : user.disabled_at ? (
                        <Button
                          size="sm"
                          aria-label={`Enable ${called}`}
                          onClick={() => keep(user, { disabled: false }, `${called} may come in again.`)}
                        >
                          Enable
                        </Button>
                      ) : (
                        <Button
                          size="sm"
                          look="danger-ghost"
                          aria-label={`Disable ${called}`}
                          onClick={() => disable(user)}
                        >
                          Disable
                        </Button>
                      )}
                    </div>
                  </Td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      )}
      {users.data && <Pager offset={offset} limit={PAGE} total={users.data.total} onChange={setOffset} />}
      {disabling && <DisableUser user={disabling} onClose={() => disable(null)} />}
      {limiting && <QuotaDialog whose={{ user: limiting.id }} called={nameOf(limiting)} onClose={() => limit(null)} />}
    </>
  );
}

function DisableUser({ user, onClose }: { user: KeptUser; onClose: () => void }) {
  const actions = useAdminActions();
  const disable = useAction(() => actions.keepUser(user.id, { disabled: true }));
  return (
    <ConfirmDialog
      open
      title={`Disable ${nameOf(user)}?`}
      description="Every login ends now, and none is possible until you enable the account again. What they own is kept, and what runs goes on."
      confirm="Disable user"
      busy={disable.busy}
      onClose={onClose}
      onConfirm={async () => {
        if (!(await disable.run())) return;
        onClose();
        toast(`${nameOf(user)} is disabled.`);
      }}
    >
      <FormProblem error={disable.error} />
    </ConfirmDialog>
  );
}

function nameOf(user: KeptUser): string {
  return user.email || user.name || `user ${user.id.slice(0, 8)}…`;
}

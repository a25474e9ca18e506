import { useState } from "react";
import {
  Badge,
  Button,
  Card,
  ConfirmDialog,
  EmptyState,
  ErrorState,
  IconButton,
  Loading,
  Menu,
  MenuItem,
  Page,
  PageHeader,
  toast,
} from "../../ui";
import { AgentIcon, CopyIcon, EditIcon, EyeIcon, MoreIcon, PlusIcon, TrashIcon } from "../../ui/icons";
import { FormProblem } from "../shared/form";
import type { AgentView } from "../shared/types";
import { useAction } from "../shared/use-action";
import { list, many } from "../shared/words";
import { useAgents, useDeleteAgent } from "./data";
import { type Draft, draftOf, EMPTY } from "./draft";
import { AgentEditor } from "./editor";
import { AgentDetails } from "./view";

type Shown =
  | { kind: "edit"; title: string; start: Draft; agent: AgentView | null }
  | { kind: "view"; agent: AgentView }
  | { kind: "delete"; agent: AgentView };

export default function AgentsPage() {
  const agents = useAgents();
  const [shown, show] = useState<Shown | null>(null);
  const own = agents.data?.filter((agent) => !agent.builtin) ?? [];
  const builtin = agents.data?.filter((agent) => agent.builtin) ?? [];
  const close = () => show(null);
  const make = () => show({ kind: "edit", title: "New agent", start: EMPTY, agent: null });
  const copy = (agent: AgentView) =>
    show({ kind: "edit", title: `New agent, like ${agent.name}`, start: { ...draftOf(agent), name: "" }, agent: null });

  return (
    <Page>
      <PageHeader
        title="Agents"
        description="An agent is a definition: instructions, a model, tools, and other agents it works with. Choose one when you start a chat."
        actions={
          <Button look="primary" icon={<PlusIcon />} onClick={make}>
            New agent
          </Button>
        }
      />
      {agents.isPending && <Loading what="Loading your agents" />}
      {agents.isError && <ErrorState what="Your agents" error={agents.error} retry={() => agents.refetch()} />}
      {agents.data && (
        <>
          <section aria-labelledby="own-agents" className="flex flex-col gap-3">
            <h2 id="own-agents" className="text-base font-semibold">
              Yours
            </h2>
            {own.length === 0 ? (
              <EmptyState
                icon={<AgentIcon />}
                title="No agents of your own yet"
                action={
                  <Button look="primary" icon={<PlusIcon />} onClick={make}>
                    Make your first agent
                  </Button>
                }
              >
                Give one instructions, a model and tools. Nobody else sees it. You can also begin with a copy of a
                built-in one.
              </EmptyState>
            ) : (
              <ul className="grid gap-3 md:grid-cols-2">
                {own.map((agent) => (
                  <li key={agent.id}>
                    <AgentCard agent={agent}>
                      <Menu
                        trigger={
                          <IconButton label={`More about ${agent.name}`}>
                            <MoreIcon />
                          </IconButton>
                        }
                      >
                        <MenuItem
                          icon={<EditIcon />}
                          onSelect={() =>
                            show({ kind: "edit", title: `Edit ${agent.name}`, start: draftOf(agent), agent })
                          }
                        >
                          Edit
                        </MenuItem>
                        <MenuItem icon={<CopyIcon />} onSelect={() => copy(agent)}>
                          Make a copy
                        </MenuItem>
                        <MenuItem icon={<TrashIcon />} danger onSelect={() => show({ kind: "delete", agent })}>
                          Delete
                        </MenuItem>
                      </Menu>
                    </AgentCard>
                  </li>
                ))}
              </ul>
            )}
          </section>
          <section aria-labelledby="builtin-agents" className="flex flex-col gap-3">
            <h2 id="builtin-agents" className="text-base font-semibold">
              Built in
            </h2>
            <ul className="grid gap-3 md:grid-cols-2">
              {builtin.map((agent) => (
                <li key={agent.id}>
                  <AgentCard agent={agent}>
                    <Menu
                      trigger={
                        <IconButton label={`More about ${agent.name}`}>
                          <MoreIcon />
                        </IconButton>
                      }
                    >
                      <MenuItem icon={<EyeIcon />} onSelect={() => show({ kind: "view", agent })}>
                        Look at it
                      </MenuItem>
                      <MenuItem icon={<CopyIcon />} onSelect={() => copy(agent)}>
                        Make a copy
                      </MenuItem>
                    </Menu>
                  </AgentCard>
                </li>
              ))}
            </ul>
          </section>
        </>
      )}
      {shown?.kind === "edit" && (
        <AgentEditor
          {...shown}
          onClose={close}
          onSaved={(saved) => {
            close();
            toast(
              shown.agent
                ? `${saved.name} was changed. Runs that are under way go on as they began.`
                : `${saved.name} is ready: choose it in a chat.`,
            );
          }}
        />
      )}
      {shown?.kind === "view" && <AgentDetails agent={shown.agent} onClose={close} onCopy={() => copy(shown.agent)} />}
      {shown?.kind === "delete" && <DeleteAgent agent={shown.agent} all={agents.data ?? []} onClose={close} />}
    </Page>
  );
}

function AgentCard({ agent, children }: { agent: AgentView; children: React.ReactNode }) {
  return (
    <Card className="flex h-full flex-col gap-3">
      <div className="flex items-start justify-between gap-3">
        <div className="flex min-w-0 items-start gap-3">
          <div className="grid size-10 shrink-0 place-items-center rounded-xl bg-accent-soft text-accent-text">
            <AgentIcon />
          </div>
          <div className="min-w-0">
            <h3 className="font-semibold wrap-anywhere">{agent.name}</h3>
            <p className="text-sm text-muted wrap-anywhere">{agent.description ?? "No description"}</p>
          </div>
        </div>
        {children}
      </div>
      <div className="mt-auto flex flex-wrap gap-1.5">
        {agent.builtin && <Badge>built in</Badge>}
        <Badge look="accent" className="max-w-full">
          <span className="truncate">{agent.model ?? "default model"}</span>
        </Badge>
        {agent.tools.length > 0 && <Badge>{many(agent.tools.length, "tool")}</Badge>}
        {agent.approve.length > 0 && <Badge look="warn">asks first</Badge>}
        {agent.handoffs.length > 0 && <Badge>hands over</Badge>}
        {agent.agent_tools.length > 0 && <Badge>asks {many(agent.agent_tools.length, "agent")}</Badge>}
      </div>
    </Card>
  );
}

function DeleteAgent({ agent, all, onClose }: { agent: AgentView; all: readonly AgentView[]; onClose: () => void }) {
  const remove = useAction(useDeleteAgent());
  const users = all.filter((other) => other.handoffs.includes(agent.id) || other.agent_tools.includes(agent.id));

  async function confirm() {
    if (!(await remove.run(agent.id))) return;
    onClose();
    toast(`${agent.name} was deleted.`);
  }

  return (
    <ConfirmDialog
      open
      title={`Delete ${agent.name}?`}
      description="This cannot be undone. Conversations it took part in stay, and runs that are under way go on."
      confirm="Delete agent"
      busy={remove.busy}
      onConfirm={confirm}
      onClose={onClose}
    >
      <FormProblem error={remove.error} />
      {users.length > 0 && (
        <p className="text-sm">It is also taken out of the lists of {list(users.map((user) => user.name))}.</p>
      )}
    </ConfirmDialog>
  );
}

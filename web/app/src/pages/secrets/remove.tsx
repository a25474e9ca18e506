import { Alert, ConfirmDialog, Loading } from "../../ui";
import { useAgents, useModels } from "../agents/data";
import { FormProblem } from "../shared/form";
import type { SecretView } from "../shared/types";
import { useAction } from "../shared/use-action";
import { many } from "../shared/words";
import { useSecretActions } from "./data";
import { dependentsOf } from "./dependents";
import { titleOf } from "./guides";

interface Props {
  secret: SecretView;
  secrets: readonly SecretView[];
  onClose: () => void;
  onRemoved: () => void;
}

/** Asks before a key is gone for good, and says which agents would find none. */
export function RemoveSecret({ secret, secrets, onClose, onRemoved }: Props) {
  const remove = useAction(useSecretActions().remove);

  async function confirm() {
    if (await remove.run(secret)) onRemoved();
  }

  return (
    <ConfirmDialog
      open
      title={`Delete ${secret.name}?`}
      description="Its value is shredded and cannot be brought back. Runs make no new call with it; an answer that is under way ends as it would. Revoke the key at the provider too."
      confirm="Delete key"
      typed={secret.name}
      busy={remove.busy}
      onConfirm={confirm}
      onClose={onClose}
    >
      <Dependents secret={secret} secrets={secrets} />
      <FormProblem error={remove.error} />
    </ConfirmDialog>
  );
}

/** Also of use before a key is disabled. */
export function Dependents({ secret, secrets }: { secret: SecretView; secrets: readonly SecretView[] }) {
  const agents = useAgents();
  const models = useModels();
  if (agents.isPending || models.isPending) return <Loading what="Looking who uses it" />;
  if (!agents.data || !models.data) return <Alert look="warn" title="Which agents use it could not be found out." />;

  const defaultModel = models.data.find((model) => model.default)?.model ?? "";
  const found = dependentsOf(secret, secrets, agents.data, defaultModel);
  if (found.length === 0) {
    return (
      <Alert title="No agent depends on it.">
        {secret.default
          ? "None of your agents, nor a built-in one, uses a model of this provider."
          : `It is not the default for ${titleOf(secret.provider)}: only chats that choose it use it.`}
      </Alert>
    );
  }
  return (
    <Alert look="warn" title={`${many(found.length, "agent")} would stop working:`}>
      <ul aria-label="Agents that would stop working" className="list-disc pl-5">
        {found.map(({ agent, through }) => (
          <li key={agent.id}>
            {agent.name}
            {agent.builtin && " (built in)"}
            {through && `, which works with ${through.name}`}
          </li>
        ))}
      </ul>
      <p className="mt-1">
        Unless another key of {titleOf(secret.provider)} is made the default first, or this server lends one.
      </p>
    </Alert>
  );
}

import { useState } from "react";
import { inWords } from "../../lib/problems";
import { Alert, Button, ConfirmDialog, EmptyState, ErrorState, Loading, Page, PageHeader, toast } from "../../ui";
import { KeyIcon, PlusIcon } from "../../ui/icons";
import { FormProblem } from "../shared/form";
import type { SecretView } from "../shared/types";
import { useAction } from "../shared/use-action";
import { list, many } from "../shared/words";
import { AddSecret } from "./add";
import { type SecretAct, SecretCard } from "./card";
import { useSecretActions, useSecrets } from "./data";
import { SecretDetails } from "./details";
import { EditSecret } from "./edit";
import { Dependents, RemoveSecret } from "./remove";
import { RevealSecret } from "./reveal";
import { RotateSecret } from "./rotate";
import { VERDICTS, warningOf } from "./words";

type Shown = { act: "add" } | { act: SecretAct; secret: SecretView };

export default function SecretsPage() {
  const secrets = useSecrets();
  const actions = useSecretActions();
  const [shown, show] = useState<Shown | null>(null);
  const close = () => show(null);
  const add = () => show({ act: "add" });

  async function act(what: SecretAct, secret: SecretView) {
    try {
      if (what === "verify") {
        const { look, title, text } = VERDICTS[await actions.verify(secret.id)];
        toast(`${secret.name}: ${title} ${text}`, look === "ok" ? "ok" : "error");
      } else if (what === "default") {
        await actions.change(secret.id, { default: true });
        toast(`${secret.name} is the default now.`);
      } else if (what === "enable") {
        await actions.change(secret.id, { disabled: false });
        toast(`${secret.name} can be used again.`);
      } else {
        show({ act: what, secret });
      }
    } catch (error) {
      const words = inWords(error);
      toast(`${words.title} ${words.next}`, "error");
    }
  }

  return (
    <Page>
      <PageHeader
        title="Secrets"
        description="Keys for providers. Each is sealed when it is stored, opened only for a call, and shown to nobody but you."
        actions={
          <Button look="primary" icon={<PlusIcon />} onClick={add}>
            Add a key
          </Button>
        }
      />
      {secrets.isPending && <Loading what="Loading your keys" />}
      {secrets.isError && <ErrorState what="Your keys" error={secrets.error} retry={() => secrets.refetch()} />}
      {secrets.data && <Endings secrets={secrets.data} />}
      {secrets.data?.length === 0 && (
        <EmptyState
          icon={<KeyIcon />}
          title="No keys yet"
          action={
            <Button look="primary" icon={<PlusIcon />} onClick={add}>
              Add your first key
            </Button>
          }
        >
          Agents call models with a key of yours, or with one that this server lends. Add one of OpenAI, Anthropic,
          Amazon Bedrock or any compatible server; a guide says where to get it. The demo model needs none.
        </EmptyState>
      )}
      {secrets.data && secrets.data.length > 0 && (
        <section aria-label="Your keys">
          <h2 className="sr-only">Your keys</h2>
          <ul aria-label="Keys" className="grid gap-3 md:grid-cols-2">
            {secrets.data.map((secret) => (
              <li key={secret.id}>
                <SecretCard secret={secret} onAct={(what) => act(what, secret)} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {shown && <SecretDialog shown={shown} secrets={secrets.data ?? []} onClose={close} />}
    </Page>
  );
}

/** What ends soon or has ended, so that nobody has to look through the list. */
function Endings({ secrets }: { secrets: readonly SecretView[] }) {
  const over = secrets.filter((secret) => secret.state === "expired");
  const soon = secrets.filter((secret) => secret.state === "active" && warningOf(secret));
  return (
    <>
      {over.length > 0 && (
        <Alert look="danger" title={`${many(over.length, "key")} ended: ${list(over.map((secret) => secret.name))}`}>
          Calls with {over.length === 1 ? "it" : "them"} fail. Rotate {over.length === 1 ? "it" : "them"} to a new key,
          or move the end.
        </Alert>
      )}
      {soon.length > 0 && (
        <Alert look="warn" title={`Soon over: ${list(soon.map((secret) => `${secret.name} ${warningOf(secret)}`))}`}>
          Make a successor at the provider and rotate before then.
        </Alert>
      )}
    </>
  );
}

function SecretDialog({
  shown,
  secrets,
  onClose,
}: {
  shown: Shown;
  secrets: readonly SecretView[];
  onClose: () => void;
}) {
  function done(text: string) {
    onClose();
    toast(text);
  }
  if (shown.act === "add") {
    return <AddSecret onClose={onClose} onSaved={(saved) => done(`${saved.name} is stored: ${saved.masked}`)} />;
  }
  const { act } = shown;
  // As it is now: what is open may have changed it.
  const secret = secrets.find((other) => other.id === shown.secret.id) ?? shown.secret;
  if (act === "reveal") return <RevealSecret secret={secret} onClose={onClose} />;
  if (act === "rotate")
    return (
      <RotateSecret
        secret={secret}
        onClose={onClose}
        onSaved={(saved) => done(`${saved.name} is at version ${saved.version} now.`)}
      />
    );
  if (act === "edit")
    return <EditSecret secret={secret} onClose={onClose} onSaved={(saved) => done(`${saved.name} was changed.`)} />;
  if (act === "disable")
    return (
      <DisableSecret
        secret={secret}
        secrets={secrets}
        onClose={onClose}
        onDone={() => done(`${secret.name} is disabled.`)}
      />
    );
  if (act === "delete")
    return (
      <RemoveSecret
        secret={secret}
        secrets={secrets}
        onClose={onClose}
        onRemoved={() => done(`${secret.name} was deleted.`)}
      />
    );
  if (act === "usage" || act === "versions" || act === "audit")
    return <SecretDetails secret={secret} start={act} onClose={onClose} />;
  return null;
}

function DisableSecret({
  secret,
  secrets,
  onClose,
  onDone,
}: {
  secret: SecretView;
  secrets: readonly SecretView[];
  onClose: () => void;
  onDone: () => void;
}) {
  const actions = useSecretActions();
  const disable = useAction(() => actions.change(secret.id, { disabled: true }));
  return (
    <ConfirmDialog
      open
      title={`Disable ${secret.name}?`}
      description="No call begins with it from now on, until you enable it again."
      confirm="Disable key"
      busy={disable.busy}
      onConfirm={async () => (await disable.run()) && onDone()}
      onClose={onClose}
    >
      <Dependents secret={secret} secrets={secrets} />
      <FormProblem error={disable.error} />
    </ConfirmDialog>
  );
}

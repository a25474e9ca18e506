import { Button, Dialog } from "../../ui";
import { CopyIcon } from "../../ui/icons";
import type { AgentView } from "../shared/types";

/** A built-in agent: everything about it can be read, and nothing changed. */
export function AgentDetails({
  agent,
  onClose,
  onCopy,
}: {
  agent: AgentView;
  onClose: () => void;
  onCopy: () => void;
}) {
  return (
    <Dialog
      open
      size="lg"
      title={agent.name}
      description={`${agent.description ?? ""} Built-in agents cannot be changed: make a copy and change that.`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button look="primary" icon={<CopyIcon />} onClick={onCopy}>
            Make a copy
          </Button>
        </>
      }
    >
      <dl className="flex flex-col gap-4 text-sm">
        <Row name="Model">{agent.model ?? "The server's default"}</Row>
        <Row name="Tools">
          {agent.tools.length ? agent.tools.map((tool) => <code key={tool}>{tool} </code>) : "None"}
        </Row>
        <Row name="Instructions">
          <pre className="rounded-xl border border-line bg-raised p-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere">
            {agent.instructions}
          </pre>
        </Row>
      </dl>
    </Dialog>
  );
}

function Row({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt className="mb-1 font-medium">{name}</dt>
      <dd className="text-muted">{children}</dd>
    </div>
  );
}

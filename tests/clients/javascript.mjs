// The official JavaScript clients. Run beside the one that is installed: address, token and version come as arguments.

import { randomUUID } from "node:crypto";

const [base, token, version] = process.argv.slice(2);
const plain = globalThis.fetch;
globalThis.fetch = (address, options = {}) => {
  const headers = new Headers(options.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return plain(address, { ...options, headers });
};
const { A2AClient, ClientFactory } = await import("@a2a-js/sdk/client");

const old = !version.startsWith("1.");
const text = (parts) => parts.map((part) => part.text ?? part.content?.value ?? "").join("");
const told = (event) => {
  if (old) return [event.kind, event];
  const { $case, value } = event.payload;
  return [{ statusUpdate: "status-update", artifactUpdate: "artifact-update" }[$case] ?? $case, value];
};
const state = async (status) => {
  if (old) return status.state;
  const { TaskState } = await import("@a2a-js/sdk");
  return TaskState[status.state].replace("TASK_STATE_", "").toLowerCase();
};
const message = (messageId) => {
  const common = { messageId: `${messageId}-${randomUUID()}` };
  if (old) return { message: { ...common, kind: "message", role: "user", parts: [{ kind: "text", text: "Go" }] } };
  const part = { content: { $case: "text", value: "Go" }, filename: "", mediaType: "", metadata: undefined };
  const more = { contextId: "", taskId: "", extensions: [], referenceTaskIds: [], metadata: undefined };
  return { tenant: "", message: { ...common, ...more, role: 1, parts: [part] }, configuration: undefined, metadata: undefined };
};
const unwrapped = (answer) => (answer && "jsonrpc" in answer ? answer.result : answer);

const client = version === "0.2.5" ? new A2AClient(base) : await new ClientFactory().createFromUrl(base);
const card = await client.getAgentCard();

const seen = [];
let said = "";
for await (const event of client.sendMessageStream(message("tck-stream-artifact-chunked"))) {
  const [kind, value] = told(event);
  seen.push(kind);
  if (kind === "artifact-update") said += text(value.artifact.parts);
}

async function begin() {
  for await (const event of client.sendMessageStream(message("test-resubscribe-message-id"))) return told(event)[1].id;
}

const params = (id) => (old ? { id } : { tenant: "", id, metadata: undefined });
const cancelled = unwrapped(await client.cancelTask(params(await begin())));
let last;
for await (const event of client.resubscribeTask(params(await begin()))) last = told(event)[1];
const more = {};
if (!old) {
  const wanted = { tenant: "", contextId: "", status: 0, pageToken: "", pageSize: undefined, historyLength: undefined };
  more.listed = (await client.listTasks({ ...wanted, statusTimestampAfter: undefined, includeArtifacts: false })).tasks.length;
}
console.log(
  JSON.stringify({
    card: card.name,
    seen,
    text: said,
    cancelled: await state(cancelled.status),
    resubscribed: await state(last.status),
    ...more,
  }),
);
process.exit(0);

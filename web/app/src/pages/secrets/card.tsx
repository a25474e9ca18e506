import { ago, date, dateTime } from "../../lib/format";
import { Badge, Card, IconButton, Menu, MenuItem, MenuSeparator } from "../../ui";
import {
  AlertIcon,
  CheckIcon,
  ClockIcon,
  EditIcon,
  EyeIcon,
  KeyIcon,
  MoreIcon,
  PauseIcon,
  PlayIcon,
  RetryIcon,
  ShieldIcon,
  TrashIcon,
} from "../../ui/icons";
import type { SecretView } from "../shared/types";
import { titleOf } from "./guides";
import { warningOf } from "./words";

export type SecretAct =
  | "reveal"
  | "verify"
  | "rotate"
  | "edit"
  | "default"
  | "disable"
  | "enable"
  | "usage"
  | "versions"
  | "audit"
  | "delete";

/** One key: enough to know it again, never enough to use it. */
export function SecretCard({ secret, onAct }: { secret: SecretView; onAct: (act: SecretAct) => void }) {
  const warning = warningOf(secret);
  const byAdmin = secret.disabled_by === "admin";
  return (
    <Card className="flex h-full flex-col gap-3">
      <div className="flex items-start justify-between gap-3">
        <div className="flex min-w-0 items-center gap-3">
          <div className="grid size-10 shrink-0 place-items-center rounded-xl bg-accent-soft text-accent-text">
            <KeyIcon />
          </div>
          <div className="min-w-0">
            <h3 className="font-semibold wrap-anywhere">{secret.name}</h3>
            <p className="text-sm text-muted">{titleOf(secret.provider)}</p>
          </div>
        </div>
        <Menu
          trigger={
            <IconButton label={`More about ${secret.name}`}>
              <MoreIcon />
            </IconButton>
          }
        >
          <MenuItem icon={<EyeIcon />} onSelect={() => onAct("reveal")}>
            Reveal
          </MenuItem>
          <MenuItem icon={<CheckIcon />} onSelect={() => onAct("verify")}>
            Check with the provider
          </MenuItem>
          <MenuItem icon={<RetryIcon />} onSelect={() => onAct("rotate")}>
            Rotate
          </MenuItem>
          <MenuItem icon={<EditIcon />} onSelect={() => onAct("edit")}>
            Edit name and end
          </MenuItem>
          {!secret.default && (
            <MenuItem icon={<KeyIcon />} onSelect={() => onAct("default")}>
              Make it the default
            </MenuItem>
          )}
          {secret.disabled_by === null ? (
            <MenuItem icon={<PauseIcon />} onSelect={() => onAct("disable")}>
              Disable
            </MenuItem>
          ) : (
            <MenuItem icon={<PlayIcon />} disabled={byAdmin} onSelect={() => onAct("enable")}>
              {byAdmin ? "Disabled by an admin" : "Enable"}
            </MenuItem>
          )}
          <MenuSeparator />
          <MenuItem icon={<ClockIcon />} onSelect={() => onAct("usage")}>
            Usage
          </MenuItem>
          <MenuItem icon={<RetryIcon />} onSelect={() => onAct("versions")}>
            Versions
          </MenuItem>
          <MenuItem icon={<ShieldIcon />} onSelect={() => onAct("audit")}>
            Audit trail
          </MenuItem>
          <MenuSeparator />
          <MenuItem icon={<TrashIcon />} danger onSelect={() => onAct("delete")}>
            Delete
          </MenuItem>
        </Menu>
      </div>
      <code className="w-fit max-w-full truncate rounded-lg bg-code px-2 py-1 text-sm">
        {secret.masked || "no key"}
      </code>
      {secret.base_url && <p className="-mt-1 truncate text-sm text-muted">{secret.base_url}</p>}
      <div className="flex flex-wrap gap-1.5 empty:hidden">
        {secret.default && <Badge look="accent">default</Badge>}
        {secret.state === "active" && !warning && <Badge look="ok">active</Badge>}
        {secret.state === "disabled" && <Badge>{byAdmin ? "disabled by an admin" : "disabled"}</Badge>}
        {secret.state === "expired" && (
          <Badge look="danger">
            <AlertIcon className="size-3" /> has ended
          </Badge>
        )}
        {warning && secret.state === "active" && (
          <Badge look="warn">
            <AlertIcon className="size-3" /> {warning}
          </Badge>
        )}
        {secret.version > 1 && <Badge>version {secret.version}</Badge>}
      </div>
      <p className="mt-auto text-sm text-muted">
        {secret.last_used_at ? (
          <span title={dateTime(secret.last_used_at)}>Last used {ago(secret.last_used_at)}</span>
        ) : (
          "Never used"
        )}
        {secret.expires_at && ` · ${secret.state === "expired" ? "ended" : "ends"} ${date(secret.expires_at)}`}
      </p>
    </Card>
  );
}

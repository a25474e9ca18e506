export type {
  AgentSettings,
  AgentView,
  AuditEntry,
  AuditVerdict,
  KeptSecret,
  KeptUser,
  LimitsView,
  Me,
  ModelView,
  NewAgent,
  NewSecret,
  NewTodo,
  PatchSecret,
  Policy,
  ProviderView,
  QuotaStatus,
  QuotaView,
  Revealed,
  Role,
  RotateSecret,
  RunView,
  SecretVersionView,
  SecretView,
  SetQuota,
  TagView,
  TodoChanges,
  TodoView,
  ToolView,
  UsageGroup,
  UsageReport,
  UserUsage,
  Verdict,
  Verification,
} from "@headgate/client";

export interface ListOf<Item> {
  items: Item[];
  total: number;
  limit: number;
  offset: number;
}

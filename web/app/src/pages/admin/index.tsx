import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useMe } from "../../lib/auth";
import { EmptyState, Page, PageHeader, Tabs } from "../../ui";
import { ShieldIcon } from "../../ui/icons";
import { AuditTab } from "./audit";
import { QuotasTab } from "./quotas";
import { SecretsTab } from "./secrets";
import { UsageTab } from "./usage";
import { UsersTab } from "./users";

const TABS = [
  { name: "users", title: "Users", auditor: false },
  { name: "quotas", title: "Quotas", auditor: false },
  { name: "secrets", title: "Secrets", auditor: false },
  { name: "usage", title: "Usage", auditor: true },
  { name: "audit", title: "Audit", auditor: true },
] as const;

type TabName = (typeof TABS)[number]["name"];

export default function AdminPage() {
  const me = useMe();
  const role = me?.role ?? "user";
  const tabs = TABS.filter((tab) => role === "admin" || tab.auditor);
  const [wanted, setTab] = useState<TabName>("users");
  if (!me || role === "user") return <NotForYou />;
  const tab = tabs.some((one) => one.name === wanted) ? wanted : "usage";

  return (
    <Page>
      <PageHeader
        title="Administration"
        description={
          role === "admin"
            ? "Who may come in, and what they may use. Values of keys are never shown here."
            : "You are an auditor: you see usage and the audit trail."
        }
      />
      <Tabs label="Administration" tabs={tabs} selected={tab} onSelect={setTab}>
        {tab === "users" && <UsersTab me={me} />}
        {tab === "quotas" && <QuotasTab />}
        {tab === "secrets" && <SecretsTab />}
        {tab === "usage" && <UsageTab />}
        {tab === "audit" && <AuditTab role={role} />}
      </Tabs>
    </Page>
  );
}

function NotForYou() {
  return (
    <Page>
      <EmptyState
        icon={<ShieldIcon />}
        title="This page is for administrators"
        action={
          <Link to="/chat" className="text-accent-text underline underline-offset-4">
            Go to your conversations
          </Link>
        }
      >
        Your account has no right to it. If you need it, ask whoever runs this server to give you the role.
      </EmptyState>
    </Page>
  );
}

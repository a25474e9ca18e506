import { forget } from "@headgate/client/react";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import { forgetDrafts } from "../chat/use-draft";
import { auth, useMe } from "../lib/auth";
import { client } from "../lib/client";
import { watchRuns } from "../lib/news";
import { queryClient } from "../lib/query";
import { cn, IconButton, Menu, MenuItem, MenuSeparator } from "../ui";
import {
  AgentIcon,
  ChartIcon,
  ChatIcon,
  CloseIcon,
  KeyIcon,
  LogoutIcon,
  MenuIcon,
  SettingsIcon,
  ShieldIcon,
  TodoIcon,
} from "../ui/icons";
import { Logo } from "./logo";

const PAGES = [
  { to: "/chat", title: "Chat", Icon: ChatIcon },
  { to: "/agents", title: "Agents", Icon: AgentIcon },
  { to: "/todos", title: "Todos", Icon: TodoIcon },
  { to: "/secrets", title: "Secrets", Icon: KeyIcon },
  { to: "/usage", title: "Usage", Icon: ChartIcon },
] as const;

/** The frame of every page: navigation at the side, or behind a button where the window is narrow. */
export function Shell() {
  const me = useMe();
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [open, setOpen] = useState(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page is what closes the menu
  useEffect(() => setOpen(false), [path]);

  useEffect(() => {
    if (me) return;
    // Nothing of one user stays for the next.
    queryClient.clear();
    forget(client);
    forgetDrafts();
    void navigate({ to: "/sign-in", search: path === "/chat" ? {} : { to: path } });
  }, [me, navigate, path]);

  const isHere = !!me;
  useEffect(() => (isHere ? watchRuns() : undefined), [isHere]);

  if (!me) return null;
  return (
    <div className="flex h-dvh flex-col md:flex-row">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-lg focus:bg-surface focus:p-3"
      >
        Skip to content
      </a>
      <header className="flex items-center gap-3 border-b border-line bg-surface px-3 py-2 md:hidden">
        <IconButton
          label={open ? "Close menu" : "Open menu"}
          size="md"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => setOpen(!open)}
        >
          {open ? <CloseIcon /> : <MenuIcon />}
        </IconButton>
        <Logo className="size-6" />
        <span className="font-semibold">Headgate</span>
      </header>
      <nav
        id="navigation"
        aria-label="Main"
        className={cn(
          "shrink-0 flex-col gap-1 border-line bg-surface p-3 md:flex md:w-52 md:border-r",
          open ? "flex max-md:flex-1 max-md:overflow-y-auto" : "max-md:hidden",
        )}
      >
        <div className="mb-3 hidden items-center gap-2.5 px-2 pt-1 md:flex">
          <Logo className="size-7" />
          <span className="text-base font-semibold tracking-tight">Headgate</span>
        </div>
        <div className="flex flex-col gap-0.5">
          {PAGES.map((page) => (
            <NavLink key={page.to} {...page} />
          ))}
          {me.role !== "user" && <NavLink to="/admin" title="Admin" Icon={ShieldIcon} />}
        </div>
        <div className="mt-auto pt-4">
          <Menu
            side="top"
            align="start"
            trigger={
              <button
                type="button"
                className="flex w-full cursor-pointer items-center gap-2.5 rounded-lg p-2 text-left text-sm hover:bg-hover"
              >
                <span
                  aria-hidden="true"
                  className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft font-semibold text-accent-text uppercase"
                >
                  {(me.name || me.email || "?").slice(0, 1)}
                </span>
                <span className="min-w-0">
                  <span className="block truncate font-medium">{me.name || me.email}</span>
                  {me.name && <span className="block truncate text-xs text-muted">{me.email}</span>}
                </span>
              </button>
            }
          >
            <MenuItem icon={<SettingsIcon />} onSelect={() => void navigate({ to: "/settings" })}>
              Settings
            </MenuItem>
            <MenuSeparator />
            <MenuItem icon={<LogoutIcon />} onSelect={() => void auth.signOut()}>
              Sign out
            </MenuItem>
          </Menu>
        </div>
      </nav>
      <main
        id="main"
        tabIndex={-1}
        className={cn("min-h-0 min-w-0 flex-1 overflow-y-auto outline-none", open && "max-md:hidden")}
      >
        <Outlet />
      </main>
    </div>
  );
}

function NavLink({
  to,
  title,
  Icon,
}: {
  to: string;
  title: string;
  Icon: (props: { className?: string }) => ReactNode;
}) {
  return (
    <Link
      to={to}
      className="flex items-center gap-3 rounded-lg px-2.5 py-2 text-sm font-medium text-muted hover:bg-hover hover:text-fg"
      activeProps={{ className: "bg-hover !text-fg", "aria-current": "page" }}
    >
      <Icon />
      {title}
    </Link>
  );
}

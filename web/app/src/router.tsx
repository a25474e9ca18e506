import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { auth } from "./lib/auth";
import { NotFound, PageError } from "./shell/fallbacks";
import { Shell } from "./shell/shell";
import { Loading } from "./ui";

const root = createRootRoute({ notFoundComponent: NotFound });

interface Wanted {
  /** Where to go after signing in. */
  to?: string;
}

function wanted(search: Record<string, unknown>): Wanted {
  const to = search["to"];
  // An address of our own only: a link elsewhere would lead astray who has just signed in.
  return typeof to === "string" && /^\/(?![/\\])/.test(to) ? { to } : {};
}

async function onlyStrangers() {
  if (await auth.ready()) throw redirect({ to: "/chat" });
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: wanted,
  beforeLoad: onlyStrangers,
  component: lazyRouteComponent(() => import("./pages/access/sign-in")),
});

const signUp = createRoute({
  getParentRoute: () => root,
  path: "/sign-up",
  validateSearch: wanted,
  beforeLoad: onlyStrangers,
  component: lazyRouteComponent(() => import("./pages/access/sign-up")),
});

/** Everything that needs an account, in the frame with the navigation. */
const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: async ({ location }) => {
    if (!(await auth.ready()))
      throw redirect({ to: "/sign-in", search: location.pathname === "/" ? {} : { to: location.href } });
  },
  component: Shell,
});

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/chat", replace: true });
  },
});

const chatLayout = createRoute({
  getParentRoute: () => shell,
  id: "chats",
  component: lazyRouteComponent(() => import("./pages/chat")),
});
const newChat = createRoute({ getParentRoute: () => chatLayout, path: "/chat" });
const chat = createRoute({ getParentRoute: () => chatLayout, path: "/chat/$sessionId" });

const agents = createRoute({
  getParentRoute: () => shell,
  path: "/agents",
  component: lazyRouteComponent(() => import("./pages/agents")),
});
const todos = createRoute({
  getParentRoute: () => shell,
  path: "/todos",
  component: lazyRouteComponent(() => import("./pages/todos")),
});
const secrets = createRoute({
  getParentRoute: () => shell,
  path: "/secrets",
  component: lazyRouteComponent(() => import("./pages/secrets")),
});
const usage = createRoute({
  getParentRoute: () => shell,
  path: "/usage",
  component: lazyRouteComponent(() => import("./pages/usage")),
});
const admin = createRoute({
  getParentRoute: () => shell,
  path: "/admin",
  component: lazyRouteComponent(() => import("./pages/admin")),
});
const settings = createRoute({
  getParentRoute: () => shell,
  path: "/settings",
  component: lazyRouteComponent(() => import("./pages/settings")),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    signUp,
    shell.addChildren([home, chatLayout.addChildren([newChat, chat]), agents, todos, secrets, usage, admin, settings]),
  ]),
  defaultPreload: "intent",
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: PageError,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

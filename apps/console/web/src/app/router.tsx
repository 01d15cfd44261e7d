import type { ErrorComponentProps } from "@tanstack/react-router";
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  redirect,
} from "@tanstack/react-router";
import { problemFrom } from "../api/request.js";
import { readOverviewSearch } from "../overview/overview-search.js";
import { readQueueSearch } from "../queue/queue-search.js";
import { text } from "../texts/en/app.js";
import { Empty, ProblemNote, Skeleton } from "../ui/states.js";
import { SCREENS } from "./screens.js";
import { useMay } from "./session.js";
import { Shell } from "./shell.js";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => <Empty title={text.notFound}>{text.notFoundDetail}</Empty>,
  errorComponent: ({ error, reset }: ErrorComponentProps) => (
    <ProblemNote problem={problemFrom(error)} onRetry={reset} />
  ),
});

/** The queue for users who work on cases, otherwise the first screen that the user's roles include. */
function Home() {
  const may = useMay();
  if (may("cases:read")) return <Navigate to="/queue" replace />;
  const first = SCREENS.find(({ needs }) => may(needs));
  return first === undefined ? (
    <Empty title={text.session.lacking}>{text.session.lackingDetail}</Empty>
  ) : (
    <Navigate to={first.to} replace />
  );
}

const at = <Path extends string>(path: Path) => ({ getParentRoute: () => root, path });

/** `/health`, `/api`, `/session` and `/assets` belong to the backend. */
const routes = [
  createRoute({ ...at("/"), component: Home }),
  createRoute({
    ...at("/overview"),
    validateSearch: readOverviewSearch,
    component: lazyRouteComponent(() => import("../overview/overview.js"), "Overview"),
  }),
  createRoute({ ...at("/live"), component: lazyRouteComponent(() => import("../live/live.js"), "Live") }),
  createRoute({
    ...at("/queue"),
    validateSearch: readQueueSearch,
    component: lazyRouteComponent(() => import("../queue/queue.js"), "Queue"),
  }),
  createRoute({
    ...at("/cases/$id"),
    component: lazyRouteComponent(() => import("../case/case-screen.js"), "CaseScreen"),
  }),
  createRoute({
    ...at("/payments/$id"),
    component: lazyRouteComponent(() => import("../payment/payment-screen.js"), "PaymentScreen"),
  }),
  createRoute({ ...at("/reports"), component: lazyRouteComponent(() => import("../reports/reports.js"), "Reports") }),
  createRoute({ ...at("/look-up"), component: lazyRouteComponent(() => import("../entity/entity.js"), "Entity") }),
  createRoute({ ...at("/lists"), component: lazyRouteComponent(() => import("../lists/lists.js"), "Lists") }),
  createRoute({ ...at("/policy"), component: lazyRouteComponent(() => import("../policy/policy.js"), "Policy") }),
  createRoute({
    ...at("/policy/revisions/$revision"),
    component: lazyRouteComponent(() => import("../policy/revision.js"), "Revision"),
  }),
  createRoute({
    ...at("/policy/drafts/$name"),
    component: lazyRouteComponent(() => import("../policy/draft.js"), "Draft"),
  }),
  createRoute({ ...at("/models"), component: lazyRouteComponent(() => import("../models/models.js"), "Models") }),
  createRoute({ ...at("/system"), component: lazyRouteComponent(() => import("../health/health.js"), "Health") }),
  createRoute({
    ...at("/webhooks"),
    component: lazyRouteComponent(() => import("../webhooks/webhooks.js"), "Webhooks"),
  }),
  createRoute({ ...at("/audit"), component: lazyRouteComponent(() => import("../audit/audit.js"), "Audit") }),
  createRoute({ ...at("/admin"), component: lazyRouteComponent(() => import("../admin/admin.js"), "Admin") }),
  createRoute({
    ...at("/cases"),
    beforeLoad: () => {
      throw redirect({ to: "/queue" });
    },
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: "intent",
  defaultPendingComponent: Skeleton,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
  interface HistoryState {
    /** The value to look up, which is not part of the URL. */
    readonly entity?: { readonly kind: string; readonly value: string };
  }
}

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { createContext, use, useEffect, useSyncExternalStore } from "react";
import type { Permission, Session } from "#contract/session";
import { keepCsrfToken, problemFrom, request, whenSessionEnds } from "../api/request.js";
import { text } from "../texts/en/app.js";
import { ProblemNote, Skeleton } from "../ui/states.js";
import { openDrafts } from "./keep-draft.js";

const SessionContext = createContext<Session | undefined>(undefined);
export const STATUS_UNAUTHENTICATED = 401;

/** Whether the session ended while the page was open. The page stays unchanged. */
const ending = {
  hasEnded: false,
  listeners: new Set<() => void>(),
  set(hasEnded: boolean): void {
    ending.hasEnded = hasEnded;
    for (const listener of ending.listeners) listener();
  },
  subscribe(listener: () => void): () => void {
    ending.listeners.add(listener);
    return () => ending.listeners.delete(listener);
  },
};
whenSessionEnds(() => ending.set(true));

/** The page after sign-in: this one, without potentially sensitive values. */
export function signInAddress(): string {
  return `/session/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`;
}

export function useSession(): Session {
  const session = use(SessionContext);
  if (session === undefined) throw new Error("There is no session.");
  return session;
}

export function useMay(): (permission: Permission) => boolean {
  const { permissions } = useSession();
  return (permission) => permissions.includes(permission);
}

/** Page for a failed sign-in, with the error code. */
const FAILED_PATH = "/sign-in-failed";

/** Shows its children to a signed-in user, and a sign-in link to anyone else. */
export function SessionGate({ children }: { readonly children: ReactNode }) {
  if (location.pathname === FAILED_PATH) return <SignInFailed />;
  return <SignedIn>{children}</SignedIn>;
}

function SignedIn({ children }: { readonly children: ReactNode }) {
  const { data, error, refetch } = useQuery({
    queryKey: ["session"],
    queryFn: async () => {
      const session = await request<Session>("/api/session");
      keepCsrfToken(session.csrfToken);
      openDrafts(session);
      return session;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (data !== undefined) return <SessionContext value={data}>{children}</SessionContext>;
  if (error === null) return <Waiting />;
  const problem = problemFrom(error);
  if (problem.status === STATUS_UNAUTHENTICATED) return <SignIn />;
  return (
    <main className="alone">
      <ProblemNote problem={problem} onRetry={() => void refetch()} />
    </main>
  );
}

function Waiting() {
  return (
    <main className="alone" aria-busy="true">
      <span className="visually-hidden">{text.session.loading}</span>
      <Skeleton lines={4} />
    </main>
  );
}

function SignInFailed() {
  const code = new URLSearchParams(location.search).get("code") ?? "";
  return (
    <main className="alone sign-in">
      <h1>{text.session.failed}</h1>
      <p>{text.session.failedDetail}</p>
      {/^[a-z-]{1,64}$/.test(code) && <code>{code}</code>}
      <a className="button primary" href="/session/sign-in?to=%2F">
        {text.session.signIn}
      </a>
    </main>
  );
}

function SignIn() {
  return (
    <main className="alone sign-in">
      <h1>{text.product}</h1>
      <p>{text.session.welcome}</p>
      <a className="button primary" href={signInAddress()}>
        {text.session.signIn}
      </a>
    </main>
  );
}

/** A banner when the session has ended. Input is kept. */
export function SessionEnded() {
  const hasEnded = useSyncExternalStore(ending.subscribe, () => ending.hasEnded);
  useEffect(() => {
    if (hasEnded) document.getElementById("sign-in-again")?.focus();
  }, [hasEnded]);
  if (!hasEnded) return null;
  return (
    <div className="session-ended" role="alert">
      <div>
        <strong>{text.session.ended}</strong> {text.session.endedDetail}
      </div>
      <a id="sign-in-again" className="button primary" href={signInAddress()}>
        {text.session.signIn}
      </a>
    </div>
  );
}

/**
 * Signing in. `GET /session/sign-in?to=/path` redirects to the authorization server and then back to `to`. `POST
 * /session/sign-out` ends the session and returns `{ url }`, the next page for the browser. The session is a cookie
 * that scripts cannot read. Requests that change something need `X-CSRF-Token`. After a 401 `session-ended`, sign in
 * again. After a failed sign-in, the browser is redirected to `/sign-in-failed?code=…`.
 */

export type Permission =
  | "decisions:read"
  | "cases:read"
  | "cases:write"
  | "labels:write"
  | "lists:read"
  | "lists:write"
  | "policy:read"
  | "policy:write"
  | "policy:approve"
  | "overview:read"
  | "models:read"
  | "models:write"
  | "audit:read"
  | "operations:read"
  | "operations:write"
  | "people:read"
  | "people:write"
  | "webhooks:read"
  | "webhooks:write"
  /** Permission to see unmasked tokens of cards, devices and addresses. Each view is recorded. */
  | "personal:read";

/** Response of `GET /api/session`. */
export interface Session {
  readonly person: { readonly id: string; readonly name: string };
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly permissions: readonly Permission[];
  /** URL of the second-factor page at the authorization server. */
  readonly secondFactorUrl: string;
  readonly csrfToken: string;
  readonly expiresAtMs: number;
}

/** An error response, RFC 9457 `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  /** One sentence for users. */
  readonly detail: string;
  /** Invalid fields, if any; `pointer` is a JSON pointer such as `/field` (RFC 6901). */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

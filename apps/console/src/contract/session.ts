/**
 * Signing in. `GET /session/sign-in?to=/path` leads to the authorization server and back to `to`; `POST /session/sign-out`
 * ends the session and answers `{ url }`, where the browser goes next. The session is a cookie that scripts cannot read. Every
 * request that changes something carries `X-CSRF-Token`. 401 `session-ended` anywhere: sign in again. Where signing in fails, the
 * browser gets to `/sign-in-failed?code=…`.
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
  | "models:read"
  | "models:write"
  | "audit:read"
  | "operations:read"
  | "operations:write"
  | "people:read"
  | "people:write"
  /** Permission to see unmasked tokens of cards, devices and addresses. Each view is recorded. */
  | "personal:read";

/** `GET /api/session`. */
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

/** Every refusal, RFC 9457 `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  /** One sentence for a person. */
  readonly detail: string;
  /** The fields that are wrong, where some are; `pointer` as `/field`, RFC 6901. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

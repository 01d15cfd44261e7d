import type { components } from "./generated/auth.js";

/* Responses of auth's administration API. Times are ISO 8601. */

export type AuthSchemas = components["schemas"];

export type AdminPerson = AuthSchemas["User"];
export type AdminClient = AuthSchemas["Client"];
/** A change that waits for another administrator. */
export type AdminGrant = AuthSchemas["Grant"];
export type AdminProvider = AuthSchemas["IdentityProvider"];

/** Response to a change: the secret that is shown once, and whether all services have received the change. */
export type Changed = Partial<AuthSchemas["ChangedUser"] & AuthSchemas["PendingGrant"]>;

export const AUTH = "/api/auth/v1";

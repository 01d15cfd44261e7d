import type { components } from "./generated/auth.js";

/* Responses of auth's administration API. Times are ISO 8601. */

type Schemas = components["schemas"];

export type AdminPerson = Schemas["User"];
export type AdminClient = Schemas["Client"];
/** A change that waits for another administrator. */
export type AdminGrant = Schemas["Grant"];
export type AdminProvider = Schemas["IdentityProvider"];

/** Response to a change: the secret that is shown once, and whether all services have received the change. */
export type Changed = Partial<Schemas["ChangedUser"] & Schemas["PendingGrant"]>;

export const AUTH = "/api/auth/v1";

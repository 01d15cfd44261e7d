import { ROLES, scopesOf } from "@tripline/contracts/roles";
import type { ClientRegistration } from "./client-registration.js";

/** The client for signing in to the console, for all tenants. */
export function consoleClient(url: string, secret: string): ClientRegistration {
  return {
    client_id: "tripline-console",
    tenant: "tripline",
    client_secret: secret,
    scopes: [...scopesOf(ROLES)],
    redirect_uris: [`${url}/session/callback`],
    signed_out_uris: [`${url}/`],
  };
}

import { SessionStore } from "@tripline/console/sessions/session-store";
import { SCOPES } from "@tripline/contracts/roles";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { tokenSigner } from "../access/sign-token.js";
import type { InProcessSystem } from "./in-process-system.js";

const HOUR_MS = 3_600_000;

/** A caller with every scope: has headers for the console, and a token for the other services. */
export interface ConsoleSession {
  readonly token: string;
  readonly headers: Readonly<Record<"authorization" | "cookie" | "x-csrf-token", string>>;
}

/** Creates a session of the demo's tenant without a sign-in. */
export async function openConsoleSession(system: InProcessSystem, name: string): Promise<ConsoleSession> {
  const { stack, secrets, addresses } = system;
  const url = stack.postgresUrl;
  const database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} });
  try {
    const keys = { keyEncryptionKey: secrets.keyEncryptionKey, issuer: addresses.auth, audience: "urn:tripline:api" };
    const sign = await tokenSigner(database, keys);
    const token = sign({ sub: name, client_id: name, tenant: DEMO_TENANT, scope: SCOPES.join(" ") });
    const limits = { key: Buffer.from(secrets.sessionKey, "base64"), lifetimeMs: HOUR_MS, idleMs: HOUR_MS };
    const sessions = new SessionStore(database, limits);
    const rights = { tenant: DEMO_TENANT, personId: name, personName: name, roles: [], scopes: SCOPES };
    const cookie = await sessions.create({ ...rights, endsMs: Date.now() + HOUR_MS }, { access: token });
    const { csrfToken = "" } = (await sessions.find(cookie)) ?? {};
    const headers = { authorization: `Bearer ${token}`, cookie: `console=${cookie}`, "x-csrf-token": csrfToken };
    return { token, headers };
  } finally {
    await database.close();
  }
}

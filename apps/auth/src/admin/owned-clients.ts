import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import { noteAction } from "./note-action.js";

const ownedRow = z.object({
  client_id: z.string(),
  tenant: z.string(),
  scopes: z.array(z.string()),
  disabled: z.boolean(),
});

/** Revokes the tokens of a user's clients, because they contain the user's previous rights. */
export async function revokeOwnedClients(transaction: Queries, personId: string): Promise<void> {
  for (const { client_id: id, tenant, disabled } of await ownedBy(transaction, personId)) {
    await revoke(transaction, { kind: "client", id, tenant }, disabled);
  }
}

/** Removes scopes that a user has lost from the user's clients. A client without remaining scopes is disabled. */
export async function reduceOwnedClients(
  transaction: Queries,
  by: Actor,
  personId: string,
  lost: readonly string[],
): Promise<void> {
  for (const { client_id: id, tenant, scopes, disabled } of await ownedBy(transaction, personId)) {
    const kept = scopes.filter((scope) => !lost.includes(scope));
    if (kept.length === scopes.length) continue;
    // A client must have a scope. A client that would lose all scopes keeps them, but is disabled.
    const isDisabled = disabled || kept.length === 0;
    await transaction.execute(
      `UPDATE auth.clients SET scopes = $2, disabled_at = CASE WHEN $3 THEN coalesce(disabled_at, now()) END
       WHERE client_id = $1`,
      [id, kept.length === 0 ? scopes : kept, isDisabled],
    );
    await revoke(transaction, { kind: "client", id, tenant }, isDisabled);
    const action = kept.length === 0 ? "disable" : "scopes";
    await noteAction(transaction, by, action, { kind: "client", id, details: { scopes: kept } });
  }
}

function ownedBy(transaction: Queries, personId: string): Promise<z.infer<typeof ownedRow>[]> {
  return transaction.query(
    ownedRow,
    `SELECT client_id, tenant, scopes, disabled_at IS NOT NULL AS disabled FROM auth.clients WHERE owner = $1
     ORDER BY client_id FOR UPDATE`,
    [personId],
  );
}

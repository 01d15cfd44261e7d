import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { storeClient } from "../clients/register-client.js";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import type { ClientChange } from "./grants/grant-change.js";
import type { ListedClient } from "./listed-client.js";

/**
 * Applies a change to a client, or adds one.
 *
 * @param client the client before the change; undefined if the change adds one
 * @throws TriplineError `name-taken`, also if another tenant uses the ID; `invalid-field`
 */
export async function applyClientChange(
  transaction: Queries,
  { tenant }: Actor,
  change: ClientChange,
  client: ListedClient | undefined,
): Promise<void> {
  const { client_id: id } = change;
  if (change.action === "client-add") {
    await refuseTakenId(transaction, id);
    return storeClient(transaction, { ...change, tenant, is_of_tenant: true });
  }
  if (client === undefined) throw new TriplineError("internal", "The change does not contain a client.");
  const isDisabled = client.disabled_at !== null;
  switch (change.action) {
    case "client-enable":
      await transaction.execute("UPDATE auth.clients SET disabled_at = NULL WHERE client_id = $1", [id]);
      return revoke(transaction, { kind: "client", id, tenant }, false);
    case "client-owner":
      await transaction.execute("UPDATE auth.clients SET owner = $2 WHERE client_id = $1", [id, change.owner]);
      // Existing tokens contain the ID of the previous owner.
      return revoke(transaction, { kind: "client", id, tenant }, isDisabled);
    case "client-rotate-secret":
      if (client.auth_method !== "client_secret_basic") {
        throw new TriplineError("invalid-field", "The client authenticates with a key, so it has no secret.");
      }
      await transaction.execute("UPDATE auth.clients SET secret_hash = $2 WHERE client_id = $1", [
        id,
        change.secret_hash,
      ]);
      return revoke(transaction, { kind: "client", id, tenant }, isDisabled);
  }
}

async function refuseTakenId(transaction: Queries, id: string): Promise<void> {
  // Serialises concurrent requests that add the same ID.
  await transaction.execute("SELECT pg_advisory_xact_lock(hashtext('auth.clients ' || $1))", [id]);
  const held = await transaction.query(z.unknown(), "SELECT 1 FROM auth.clients WHERE client_id = $1", [id]);
  if (held.length > 0) throw new TriplineError("name-taken", `The client ID ${id} is already in use.`);
}

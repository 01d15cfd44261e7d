import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import { z } from "zod";
import { revoke } from "../revocations/revocation-store.js";

const ownedRow = z.object({ client_id: z.string(), tenant: z.string(), disabled: z.boolean() });

/** Revokes the tokens of a user's clients, which say what the user could do until now. The next ones say what still holds. */
export async function revokeOwnedClients(transaction: Queries, personId: string): Promise<void> {
  const owned = await transaction.query(
    ownedRow,
    "SELECT client_id, tenant, disabled_at IS NOT NULL AS disabled FROM auth.clients WHERE owner = $1 ORDER BY client_id FOR UPDATE",
    [personId],
  );
  for (const { client_id: id, tenant, disabled } of owned) {
    await revoke(transaction, { kind: "client", id, tenant }, disabled);
  }
}

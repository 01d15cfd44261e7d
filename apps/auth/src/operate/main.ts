import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { readConfig } from "@tripline/settings/read-config";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { reachDatabase } from "@tripline/stores/postgres/reach-database";
import { refuseNewerSchema } from "@tripline/stores/postgres/refuse-newer-schema";
import { z } from "zod";
import { approveGrant } from "../admin/grants/approve-grant.js";
import { shownChange } from "../admin/grants/grant-change.js";
import { noteAction, operatorOf } from "../admin/note-action.js";
import { databaseConfig, keyEncryptionKey } from "../config.js";
import { AUTH_MIGRATIONS } from "../database/set-up-database.js";
import { personRegistration } from "../people/person-registration.js";
import { rotateSigningKey } from "../provider/signing-keys.js";
import { bootstrapAdmin } from "./bootstrap-admin.js";

/**
 * `tripline auth bootstrap`, `tripline auth approve` and `tripline auth rotate-keys` start this program. It accesses
 * the database directly, because an empty installation has no user who could get a token.
 */

const QUERY_MS_MAX = 30_000;
const EXIT_FAILURE = 1;

const operateConfig = z.object({
  ...databaseConfig.shape,
  AUTH_ACTION: z.enum(["bootstrap", "rotate-keys", "approve"]),
  /** For `bootstrap`: the first administrator, in JSON. */
  AUTH_PERSON: z.string().default("{}"),
  /** For `approve`: the tenant and the ID of a change that waits for a second administrator. */
  AUTH_TENANT: z.string().default(""),
  AUTH_GRANT: z.string().default(""),
  /** For `rotate-keys`. */
  KEY_ENCRYPTION_KEY: keyEncryptionKey.optional(),
});

async function operate(): Promise<string> {
  const config = readConfig(operateConfig, process.env);
  const database = connectDatabase({
    ...reachDatabase(config),
    connectionsMax: 1,
    queryTimeoutMs: QUERY_MS_MAX,
    onIdleError() {},
  });
  try {
    return await database.transaction(async (transaction) => {
      await refuseNewerSchema(transaction, AUTH_MIGRATIONS);
      if (config.AUTH_ACTION === "bootstrap") {
        const person = personRegistration.omit({ roles: true, password: true }).parse(JSON.parse(config.AUTH_PERSON));
        return bootstrapAdmin(transaction, person);
      }
      if (config.AUTH_ACTION === "approve") {
        const { change } = await approveGrant(transaction, operatorOf(config.AUTH_TENANT), config.AUTH_GRANT);
        return `Approved: ${JSON.stringify(shownChange(change))}`;
      }
      if (config.KEY_ENCRYPTION_KEY === undefined) {
        throw new TriplineError("config-invalid", "Set KEY_ENCRYPTION_KEY to the value that auth uses.");
      }
      const { kid, activeFrom } = await rotateSigningKey(transaction, config.KEY_ENCRYPTION_KEY);
      await noteAction(transaction, operatorOf(""), "rotate", { kind: "key", id: kid });
      return `The key ${kid} has been published. It is used for signing from ${activeFrom.toISOString()} onwards.`;
    });
  } finally {
    await database.close();
  }
}

try {
  process.stdout.write(`${await operate()}\n`);
} catch (thrown) {
  const { message, fields } = asTriplineError(thrown);
  process.stderr.write(`${[message, ...fields.map(({ pointer, detail }) => `${pointer} ${detail}`)].join("\n")}\n`);
  process.exitCode = EXIT_FAILURE;
}

import { TriplineError } from "@tripline/contracts/error-table";
import type { Database, Queries } from "@tripline/service-kit/postgres/connect-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { z } from "zod";
import { ownerNamed } from "../clients/client-owner.js";
import type { ClientRegistration } from "../clients/client-registration.js";
import { hashSecret } from "../clients/hash-secret.js";
import { registerClient } from "../clients/register-client.js";
import type { RevocationPublisher } from "../revocations/revocation-publisher.js";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import { notFound } from "./admin-action.js";
import { noteAction } from "./note-action.js";
import type { Changed } from "./people-admin.js";

const listedRow = z.object({
  client_id: z.string(),
  tenant: z.string(),
  auth_method: z.string(),
  scopes: z.array(z.string()),
  owner: z.object({ person_id: z.string(), user_name: z.string(), is_disabled: z.boolean() }).nullable(),
  created_at: z.date(),
  disabled_at: z.date().nullable(),
});

/** A client as administrators see one. */
export type ListedClient = z.infer<typeof listedRow>;

const SELECT = `SELECT client_id, clients.tenant, auth_method, scopes, clients.created_at, clients.disabled_at,
  CASE WHEN owner IS NULL THEN NULL ELSE json_build_object('person_id', person_id, 'user_name', user_name,
    'is_disabled', people.disabled_at IS NOT NULL) END AS owner
  FROM auth.clients LEFT JOIN auth.people ON person_id = owner`;
const CLIENTS_MAX = 10_000;

/**
 * What administrators do with the machine clients of their tenant. Clients that sign people in are made by configuration alone:
 * people of all tenants would trust their addresses.
 */
export class ClientsAdmin {
  constructor(
    private readonly database: Database,
    private readonly publisher: RevocationPublisher,
    private readonly logger: Logger,
  ) {}

  list({ tenant }: Actor): Promise<ListedClient[]> {
    return this.database.query(
      listedRow,
      `${SELECT} WHERE clients.tenant = $1 ORDER BY client_id LIMIT ${CLIENTS_MAX}`,
      [tenant],
    );
  }

  /** @throws TriplineError `invalid-field`, or `name-taken`, also where another tenant has the id */
  async add(by: Actor, registration: Omit<ClientRegistration, "tenant">): Promise<ListedClient> {
    const { client_id: id } = registration;
    await this.database.transaction(async (transaction) => {
      // Two that add the same id at once wait for each other.
      await transaction.execute("SELECT pg_advisory_xact_lock(hashtext('auth.clients ' || $1))", [id]);
      const held = await transaction.query(z.unknown(), "SELECT 1 FROM auth.clients WHERE client_id = $1", [id]);
      if (held.length > 0) throw new TriplineError("name-taken", `There is a client ${id}.`);
      await registerClient(transaction, { ...registration, tenant: by.tenant }, by.principal);
      const { owner } = await this.#find(transaction, by, id);
      const details = { scopes: registration.scopes, owner: owner?.person_id ?? null };
      await noteAction(transaction, by, "add", { kind: "client", id, details });
    });
    this.#log(by, "add", id);
    return this.#find(this.database, by, id);
  }

  disable(by: Actor, id: string): Promise<Changed<ListedClient>> {
    return this.#change(by, id, "disable", async (transaction, { tenant }) => {
      await transaction.execute(
        "UPDATE auth.clients SET disabled_at = coalesce(disabled_at, now()) WHERE client_id = $1",
        [id],
      );
      await revoke(transaction, { kind: "client", id, tenant }, true);
    });
  }

  enable(by: Actor, id: string): Promise<Changed<ListedClient>> {
    return this.#change(by, id, "enable", async (transaction, { tenant }) => {
      await transaction.execute("UPDATE auth.clients SET disabled_at = NULL WHERE client_id = $1", [id]);
      await revoke(transaction, { kind: "client", id, tenant }, false);
    });
  }

  /** The secret of before and the tokens that were got with it are worth nothing from now on. */
  async rotateSecret(by: Actor, id: string, secret: string): Promise<Changed<ListedClient>> {
    const hash = await hashSecret(secret);
    return this.#change(by, id, "rotate-secret", async (transaction, { tenant, auth_method, disabled_at }) => {
      if (auth_method !== "client_secret_basic") {
        throw new TriplineError("invalid-field", "The client signs in with keys and has no secret.");
      }
      await transaction.execute("UPDATE auth.clients SET secret_hash = $2 WHERE client_id = $1", [id, hash]);
      await revoke(transaction, { kind: "client", id, tenant }, disabled_at !== null);
    });
  }

  /** @throws TriplineError `invalid-field` unless the new owner is an active user of the tenant */
  setOwner(by: Actor, id: string, userName: string): Promise<Changed<ListedClient>> {
    return this.#change(by, id, "owner", async (transaction, { tenant, disabled_at }) => {
      const owner = await ownerNamed(transaction, tenant, userName);
      await transaction.execute("UPDATE auth.clients SET owner = $2 WHERE client_id = $1", [id, owner]);
      // Its tokens name the previous owner.
      await revoke(transaction, { kind: "client", id, tenant }, disabled_at !== null);
      return { owner };
    });
  }

  async #change(
    by: Actor,
    id: string,
    action: string,
    change: (transaction: Queries, client: ListedClient) => Promise<object | undefined>,
  ): Promise<Changed<ListedClient>> {
    const changed = await this.database.transaction(async (transaction) => {
      const details = await change(transaction, await this.#find(transaction, by, id, "FOR UPDATE OF clients"));
      await noteAction(transaction, by, action, { kind: "client", id, ...(details === undefined ? {} : { details }) });
      return this.#find(transaction, by, id);
    });
    this.#log(by, action, id);
    return { ...changed, is_published: await this.publisher.publish() };
  }

  async #find(queries: Queries, { tenant }: Actor, id: string, lock = ""): Promise<ListedClient> {
    const [row] = await queries.query(listedRow, `${SELECT} WHERE clients.tenant = $1 AND client_id = $2 ${lock}`, [
      tenant,
      id,
    ]);
    if (row === undefined) throw notFound("client");
    return row;
  }

  #log(by: Actor, action: string, client: string): void {
    this.logger.info({ by: by.subject, tenant: by.tenant, action, client }, "client changed");
  }
}

import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { ownerNamed } from "../clients/client-owner.js";
import type { ClientRegistration } from "../clients/client-registration.js";
import { hashSecret } from "../clients/hash-secret.js";
import { parseClient } from "../clients/register-client.js";
import { RevocationPublisher } from "../revocations/revocation-publisher.js";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import { notFound } from "./admin-action.js";
import type { Requested } from "./grants/grants.js";
import { Grants } from "./grants/grants.js";
import type { ListedClient } from "./listed-client.js";
import { findListedClient, listClients } from "./listed-client.js";
import { noteAction } from "./note-action.js";
import type { Changed } from "./people-admin.js";

/** Lets administrators manage the clients of their tenant. */
@Injectable()
export class ClientsAdmin {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Grants) private readonly grants: Grants,
    @Inject(RevocationPublisher) private readonly publisher: RevocationPublisher,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  list({ tenant }: Actor): Promise<ListedClient[]> {
    return listClients(this.database, tenant);
  }

  /**
   * The owner is the user named in the registration, or the user who adds the client.
   *
   * @throws TriplineError `invalid-field`, or `name-taken`, even if the ID belongs to another tenant
   */
  async add(by: Actor, registration: Omit<ClientRegistration, "tenant">): Promise<Requested> {
    const { tenant } = by;
    const { owner, client_secret, jwks, ...client } = parseClient({ ...registration, tenant });
    return this.grants.request(by, {
      action: "client-add",
      ...client,
      owner: owner === undefined ? (by.principal ?? null) : await ownerNamed(this.database, tenant, owner),
      secret_hash: client_secret === undefined ? null : await hashSecret(client_secret),
      jwks: jwks ?? null,
    });
  }

  async disable(by: Actor, id: string): Promise<Changed<ListedClient>> {
    const { tenant, subject } = by;
    const changed = await this.database.transaction(async (transaction) => {
      const before = await findListedClient(transaction, tenant, id, "FOR UPDATE OF clients");
      if (before === undefined) throw notFound("client");
      await transaction.execute(
        "UPDATE auth.clients SET disabled_at = coalesce(disabled_at, now()) WHERE client_id = $1",
        [id],
      );
      await revoke(transaction, { kind: "client", id, tenant }, true);
      await noteAction(transaction, by, "disable", { kind: "client", id });
      return (await findListedClient(transaction, tenant, id)) ?? before;
    });
    this.logger.info({ by: subject, tenant, action: "disable", client: id }, "client changed");
    return { ...changed, is_published: await this.publisher.publish() };
  }

  enable(by: Actor, id: string): Promise<Requested> {
    return this.grants.request(by, { action: "client-enable", client_id: id });
  }

  /** @throws TriplineError `invalid-field` unless the new owner is an active user of the tenant */
  async setOwner(by: Actor, id: string, userName: string): Promise<Requested> {
    const owner = await ownerNamed(this.database, by.tenant, userName);
    return this.grants.request(by, { action: "client-owner", client_id: id, owner });
  }

  /** The old secret, and any tokens issued with it, stop working immediately. */
  async rotateSecret(by: Actor, id: string, secret: string): Promise<Requested> {
    return this.grants.request(by, {
      action: "client-rotate-secret",
      client_id: id,
      secret_hash: await hashSecret(secret),
    });
  }
}

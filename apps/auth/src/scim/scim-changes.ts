import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { lockAdmins } from "../admin/grants/second-admin.js";
import { RevocationPublisher } from "../revocations/revocation-publisher.js";
import type { IdentityProvider } from "../single-sign-on/provider-store.js";
import { providerOf } from "../single-sign-on/provider-store.js";
import { Slots } from "../single-sign-on/slots.js";
import type { ScimCaller } from "./scim.guard.js";
import { invalidToken } from "./scim.guard.js";
import { tenantOfToken } from "./token/scim-token-store.js";

/** The result of a committed change. If `refusal` is set, the caller gets it as an error after the commit. */
interface Made<T> {
  readonly done: T;
  readonly refusal?: TriplineError | undefined;
}

/** A change holds one of the database's 10 connections while it waits for another change of its tenant. */
const CONCURRENT = { perTenantMax: 2, allMax: 4, waitMsMax: 2_000 };
const busy = () => new TriplineError("too-many-requests", "Too many changes are in progress. Try again later.");

/** Runs a provider's changes, each in a transaction, and notifies the services of revoked tokens. */
@Injectable()
export class ScimChanges {
  readonly #slots = new Slots(CONCURRENT, busy);

  constructor(
    @Inject(DATABASE) readonly database: Database,
    @Inject(RevocationPublisher) private readonly publisher: RevocationPublisher,
  ) {}

  /** @throws TriplineError `too-many-requests`, `token-invalid`; errors of the change */
  async make<T>(
    { tenant, authorization }: ScimCaller,
    change: (transaction: Queries, provider: IdentityProvider) => Promise<Made<T>>,
  ): Promise<T> {
    const apply = async (transaction: Queries): Promise<Made<T>> => {
      await lockAdmins(transaction, tenant);
      // An administrator may have replaced the token while this change waited for the lock.
      if ((await tenantOfToken(transaction, authorization)) !== tenant) throw invalidToken();
      const provider = await providerOf(transaction, tenant);
      if (provider === undefined) throw new TriplineError("token-invalid", "The tenant has no identity provider.");
      return change(transaction, provider);
    };
    const { done, refusal } = await this.#slots.use(tenant, () => this.database.transaction(apply));
    await this.publisher.publish();
    if (refusal !== undefined) throw refusal;
    return done;
  }
}

import { Resolver } from "node:dns/promises";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { noteAction } from "../admin/note-action.js";
import { providerOfDomain } from "./provider-store.js";

/** Reads the TXT records of a name. */
export type ReadTexts = (name: string) => Promise<readonly string[]>;

export const READ_TEXTS = Symbol("READ_TEXTS");

const QUERY = { timeout: 2_000, tries: 2 };

export function dnsTexts(): ReadTexts {
  const resolver = new Resolver(QUERY);
  return async (name) => {
    try {
      return (await resolver.resolveTxt(name)).map((parts) => parts.join(""));
    } catch {
      return [];
    }
  };
}

/**
 * Checks by DNS that domains belong to a tenant. Otherwise, a tenant could send the users of another organisation to its
 * own provider.
 */
@Injectable()
export class ProviderDomains {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(READ_TEXTS) private readonly read: ReadTexts,
  ) {}

  /** @throws TriplineError `invalid-field` */
  async check(tenant: string, domains: readonly string[]): Promise<void> {
    const found = await Promise.all(domains.map((domain) => this.read(`_tripline.${domain}`)));
    const wrong = domains.filter((_domain, index) => !found[index]?.includes(recordOf(tenant)));
    if (wrong.length > 0) {
      const detail = `First add the TXT record "${recordOf(tenant)}" to _tripline.${wrong[0]}.`;
      throw new TriplineError("invalid-field", detail, [{ pointer: "/domains", detail }]);
    }
    for (const [index, domain] of domains.entries()) await this.#release(domain, tenant, found[index] ?? []);
  }

  /** Removes a domain from another tenant if that tenant's record is gone, for example because the domain was sold. */
  async #release(domain: string, tenant: string, records: readonly string[]): Promise<void> {
    const holder = (await providerOfDomain(this.database, domain))?.tenant;
    if (holder === undefined || holder === tenant || records.includes(recordOf(holder))) return;
    await this.database.transaction(async (transaction) => {
      await transaction.execute(
        "UPDATE auth.identity_providers SET domains = array_remove(domains, $2) WHERE tenant = $1",
        [holder, domain],
      );
      const by = { tenant: holder, subject: "single-sign-on", kind: "service" } as const;
      await noteAction(transaction, by, "domain-remove", { kind: "provider", id: holder, details: { domain } });
    });
  }
}

const recordOf = (tenant: string): string => `tenant=${tenant}`;

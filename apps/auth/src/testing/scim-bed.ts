import { randomUUID } from "node:crypto";
import { AuditEvent, AuthEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { IncomingRecord } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { z } from "zod";
import { ANNA, authorizationRequest, Browser, codeForm, exchange, signIn } from "./browser.js";
import type { CompanyProvider } from "./company-provider.js";
import { COMPANY_CLIENT, startCompanyProvider } from "./company-provider.js";
import { ScimClient } from "./scim-client.js";
import { ISSUER } from "./service.js";
import type { SignInBed } from "./sign-in-bed.js";
import { startSignInBed } from "./sign-in-bed.js";

const ADA = { ...ANNA, user_name: "ada", name: "Ada Admin", roles: ["admin"] };
const ZOE = { ...ADA, user_name: "zoe", tenant: "zebra" };
export const LEADS_ID = "7f000000-0000-4000-8000-000000000001";
const MAPPING = [
  { value: "fraud", role: "analyst" },
  { value: LEADS_ID, role: "lead" },
];

/** A service with Kafka, and two tenants with the same identity provider. */
export class ScimBed {
  /** When Kafka delivered the revocation of each disabled user, by ID, in ms since the epoch. */
  readonly #revokedMs = new Map<string, number>();
  readonly #records = new BatchCollector(({ topic, records }) => {
    if (topic === "auth-events") for (const one of records) this.#noteRevocation(one);
  });
  readonly #tokens = new Map<string, string>();
  #closeReader: (() => Promise<void>) | undefined;

  private constructor(
    readonly bed: SignInBed,
    readonly company: CompanyProvider,
  ) {}

  static async start(): Promise<ScimBed> {
    const company = await startCompanyProvider(`${ISSUER}/single-sign-on/acme/callback`);
    const people = JSON.stringify([ANNA, ADA, ZOE]);
    const bed = await startSignInBed({ BOOTSTRAP_PEOPLE: people, PROVIDER_ALLOWED_NETWORKS: "127.0.0.0/8" }, true);
    const started = new ScimBed(bed, company);
    const { client_id, client_secret } = COMPANY_CLIENT;
    const provider = { issuer: company.url, client_id, client_secret, role_mapping: MAPPING };
    await started.admin("acme", "PUT", "/v1/identity-provider", provider);
    await bed.database.execute(
      `INSERT INTO auth.identity_providers SELECT (jsonb_populate_record(p, '{"tenant": "zebra"}')).*
       FROM auth.identity_providers p`,
      [],
    );
    await started.#readTopics();
    return started;
  }

  async close(): Promise<void> {
    await this.#closeReader?.();
    await this.bed.close();
    await this.company.close();
  }

  /** Removes the provider's users and groups, and restores its settings. */
  async reset(): Promise<void> {
    this.company.accounts.clear();
    await this.bed.database.execute("DELETE FROM auth.scim_groups", []);
    await this.bed.database.execute("DELETE FROM auth.people WHERE user_name LIKE '%:%'", []);
    await this.settings("external_id", MAPPING);
  }

  /** Changes the provider's settings without requests to it. */
  async settings(match: "external_id" | "user_name", mapping: readonly object[]): Promise<void> {
    await this.bed.database.execute("UPDATE auth.identity_providers SET provisioning_match = $1, role_mapping = $2", [
      match,
      JSON.stringify(mapping),
    ]);
  }

  /** Calls the admin API as the administrator of a tenant. */
  async admin(tenant: "acme" | "zebra", method: string, path: string, body?: object) {
    const token = this.#tokens.get(tenant) ?? (await this.#tokenOf(tenant === "acme" ? ADA : ZOE));
    this.#tokens.set(tenant, token);
    const response = await fetch(this.bed.service.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** Creates or replaces a tenant's SCIM token. */
  async newClient(tenant: "acme" | "zebra"): Promise<ScimClient> {
    const { body } = await this.admin(tenant, "POST", "/v1/identity-provider/scim-token");
    return new ScimClient(this.bed.service.url, String(body.token));
  }

  async rolesOf(id: string): Promise<string[] | undefined> {
    const row = z.object({ roles: z.array(z.string()) });
    const [found] = await this.bed.database.query(row, "SELECT roles FROM auth.people WHERE person_id = $1", [id]);
    return found?.roles;
  }

  /**
   * Returns the audit events about a user, a group or a tenant's token. Waits until all expected events have arrived.
   *
   * @param expected actor and action
   */
  async auditOf(id: string, ...expected: readonly string[]): Promise<AuditEvent[]> {
    const events = () =>
      this.#records.records
        .filter(({ topic }) => topic === "audit")
        .map(({ value }) => AuditEvent.decode(value))
        .filter(({ subjectId }) => subjectId === id);
    const found = () => events().map(({ actor, action }) => `${actor} ${action}`);
    const isThere = () => expected.every((one) => found().includes(one));
    await this.#records.until(isThere, `audit events ${expected.join(", ")}`);
    return events();
  }

  /** When Kafka delivered the revocation of a disabled user, in ms since the epoch. */
  async revokedMs(id: string): Promise<number> {
    await this.#records.until(() => this.#revokedMs.has(id), `the revocation of ${id}`);
    return this.#revokedMs.get(id) ?? 0;
  }

  async #tokenOf(person: typeof ANNA): Promise<string> {
    const { path, verifier } = authorizationRequest({ scope: "openid people:read people:write" });
    const { url } = this.bed.service;
    const callback = await signIn(new Browser(url), path, person);
    const { tokens } = await exchange(url, codeForm(callback, verifier));
    return tokens?.access_token ?? "";
  }

  async #readTopics(): Promise<void> {
    const { kafkaBrokers: brokers, topicPrefix } = this.bed.stack;
    const reader = await connectKafka({ brokers, clientId: "test", topicPrefix }).consume({
      ...{ group: `test-${randomUUID()}`, topics: ["audit", "auth-events"], handle: this.#records.handle },
      onStop(error) {
        throw error;
      },
    });
    this.#closeReader = () => reader.close();
  }

  #noteRevocation({ value }: IncomingRecord): void {
    const { subject, disabled } = AuthEvent.decode(value);
    if (disabled) this.#revokedMs.set(subject, Date.now());
  }
}

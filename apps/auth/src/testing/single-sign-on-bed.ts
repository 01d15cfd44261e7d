import { ANNA, authorizationRequest, Browser, codeForm, exchange, signIn } from "./browser.js";
import type { CompanyProvider } from "./company-provider.js";
import { COMPANY_CLIENT, startCompanyProvider } from "./company-provider.js";
import { ISSUER } from "./service.js";
import type { SignInBed } from "./sign-in-bed.js";
import { startSignInBed } from "./sign-in-bed.js";

export const ADA = { ...ANNA, user_name: "ada", name: "Ada Admin", roles: ["admin"] };
/** Role mapping of the company's groups. */
export const ROLES = [
  { value: "fraud", role: "analyst" },
  { value: "fraud-leads", role: "lead" },
];

/** Auth, the provider of the tenant acme, and acme's administrator Ada. */
export interface SingleSignOnBed extends SignInBed {
  readonly company: CompanyProvider;
  /** TXT records by name. Other names have no records. */
  readonly texts: Map<string, readonly string[]>;
  /** An access token of a user, with the scopes for administration. */
  tokenOf(person: typeof ANNA): Promise<string>;
  /** Calls the administration API, as Ada by default. */
  send(method: string, path: string, body?: object, token?: string): Promise<Sent>;
  /** Sets the provider of acme, or of the token's tenant. @param changes to the settings; undefined removes one */
  setProvider(changes: object, token?: string): Promise<Sent>;
  /** Restores the first settings, and removes the users of the provider. */
  reset(): Promise<void>;
}

export interface Sent {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Copies audit events to `auth.audited`, because auth deletes them from the outbox when Kafka has them. */
const KEEP_AUDITED = `CREATE TABLE auth.audited (LIKE auth.audit_outbox);
  CREATE FUNCTION auth.keep_audited() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO auth.audited SELECT NEW.*; RETURN NULL; END';
  CREATE TRIGGER keep_audited AFTER INSERT ON auth.audit_outbox FOR EACH ROW EXECUTE FUNCTION auth.keep_audited()`;

/** Kafka is available, because without it, each change would take two seconds. */
export async function startSingleSignOnBed(): Promise<SingleSignOnBed> {
  const company = await startCompanyProvider(`${ISSUER}/single-sign-on/acme/callback`);
  const texts = new Map<string, readonly string[]>();
  const settings = {
    BOOTSTRAP_PEOPLE: JSON.stringify([ANNA, ADA, { ...ADA, user_name: "zoe", tenant: "zebra" }]),
    PROVIDER_ALLOWED_NETWORKS: "127.0.0.0/8",
  };
  const bed = await startSignInBed(settings, true, async (name) => texts.get(name) ?? []);
  const { url } = bed.service;
  async function tokenOf(person: typeof ANNA): Promise<string> {
    const { path, verifier } = authorizationRequest({ scope: "openid people:read people:write" });
    const { tokens } = await exchange(url, codeForm(await signIn(new Browser(url), path, person), verifier));
    return tokens?.access_token ?? "";
  }
  const ada = await tokenOf(ADA);
  async function send(method: string, path: string, body?: object, token = ada): Promise<Sent> {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  function setProvider(changes: object, token = ada): Promise<Sent> {
    const { client_id, client_secret } = COMPANY_CLIENT;
    const body = { issuer: company.url, client_id, client_secret, role_mapping: ROLES, ...changes };
    return send("PUT", "/v1/identity-provider", body, token);
  }
  const { status } = await setProvider({});
  if (status !== 200) throw new Error(`the provider was not set: ${status}`);
  await bed.database.execute("CREATE TABLE auth.first_providers AS SELECT * FROM auth.identity_providers");
  await bed.database.execute(KEEP_AUDITED);
  return {
    ...bed,
    company,
    texts,
    tokenOf,
    send,
    setProvider,
    async reset() {
      company.reset();
      texts.clear();
      await bed.database.execute(
        `DELETE FROM auth.people WHERE provider_issuer IS NOT NULL; DELETE FROM auth.identity_providers;
         INSERT INTO auth.identity_providers SELECT * FROM auth.first_providers`,
      );
    },
    async close() {
      await bed.close();
      await company.close();
    },
  };
}

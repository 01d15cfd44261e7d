import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import type { AuthConfig } from "../config.js";
import type { CompanyProvider } from "../testing/company-provider.js";
import { COMPANY_CLIENT, startCompanyProvider } from "../testing/company-provider.js";
import { ISSUER } from "../testing/service.js";
import { checkIssuer, newProvider } from "./provider-settings.js";
import type { IdentityProvider } from "./provider-store.js";
import { ProviderSecrets } from "./provider-store.js";
import { UpstreamProvider } from "./upstream-provider.js";

const KEY = Buffer.alloc(32, 7);
const CONFIG = { KEY_ENCRYPTION_KEY: KEY, PROVIDER_ALLOWED_NETWORKS: ["127.0.0.0/8"], AUTH_ISSUER: ISSUER };
const PER_TENANT = 4;
const RETURNING_PER_TENANT = 8;
let company: CompanyProvider;

beforeAll(async () => {
  company = await startCompanyProvider(`${ISSUER}/single-sign-on/acme/callback`);
});

afterAll(() => company.close());

const newUpstream = () => new UpstreamProvider(CONFIG as unknown as AuthConfig, () => Promise.resolve([]));

function providerOf(tenant: string, issuer = company.url): IdentityProvider {
  const { client_secret: secret, ...settings } = newProvider.parse({ ...COMPANY_CLIENT, issuer });
  const sealed = new ProviderSecrets(KEY).seal(tenant, secret ?? "");
  return { ...settings, tenant, client_secret: Uint8Array.from(sealed), changed_at: new Date(), break_glass_id: null };
}

test("regression #30: each tenant has its own redirect URI", async () => {
  const { url } = await newUpstream().begin(providerOf("acme"), "uid");
  expect(new URL(url).searchParams.get("redirect_uri")).toBe(`${ISSUER}/single-sign-on/acme/callback`);
});

test("regression #30: a provider that does not respond blocks only its own tenant", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const sockets: Socket[] = [];
  silent.on("connection", (socket) => sockets.push(socket));
  const upstream = newUpstream();
  const slow = providerOf("slow", `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  const waiting = Promise.allSettled(Array.from({ length: PER_TENANT }, () => upstream.begin(slow, "uid")));
  await expect(upstream.begin(slow, "uid")).rejects.toMatchObject({ code: "queue-full" });
  expect((await upstream.begin(providerOf("acme"), "uid")).attempt.tenant).toBe("acme");
  while (sockets.length < PER_TENANT) await new Promise((done) => setTimeout(done, 10));
  for (const socket of sockets) socket.destroy();
  silent.close();
  expect((await waiting).map(({ status }) => status)).toEqual(Array(PER_TENANT).fill("rejected"));
  await expect(upstream.begin(slow, "uid")).rejects.toMatchObject({ code: "provider-unavailable" });
});

test("regression #30: users who return from the provider do not wait behind new sign-ins, and can retry if no slot is free", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const sockets: Socket[] = [];
  silent.on("connection", (socket) => sockets.push(socket));
  const upstream = newUpstream();
  const slow = providerOf("acme", `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  const { attempt } = await upstream.begin(providerOf("acme"), "uid");
  const waiting: Promise<unknown>[] = Array.from({ length: PER_TENANT }, () => upstream.begin(slow, "uid"));
  let consumed = 0;
  const finish = (provider: IdentityProvider, issuer: string) =>
    upstream.finish(provider, { ...attempt, issuer }, `?code=x&state=${attempt.state}`, async () => {
      consumed += 1;
    });
  await expect(finish(providerOf("acme"), company.url)).rejects.toMatchObject({ code: "sign-in-failed" });
  for (let returning = 0; returning < RETURNING_PER_TENANT; returning += 1) waiting.push(finish(slow, slow.issuer));
  await expect(finish(slow, slow.issuer)).rejects.toMatchObject({ code: "queue-full" });
  expect(consumed).toBe(1 + RETURNING_PER_TENANT);
  for (const socket of sockets) socket.destroy();
  silent.close();
  await Promise.allSettled(waiting);
});

test("regression #30: rejects an issuer that differs from the metadata", async () => {
  await expect(newUpstream().check(providerOf("acme", `${company.url}/`))).rejects.toMatchObject({
    code: "provider-url-refused",
  });
});

test.each([
  ["https://login.microsoftonline.com/common/v2.0", "https://login.microsoftonline.com/{tenantid}/v2.0"],
  ["https://login.microsoftonline.com/{tenantid}/v2.0", "https://login.microsoftonline.com/{tenantid}/v2.0"],
  ["https://acme.b2clogin.com/x/v2.0", "https://login.microsoftonline.com/other/v2.0"],
])("regression #30: rejects the shared issuer %s", (configured, published) => {
  expect(() => checkIssuer(configured, published)).toThrow("must be the same as in the provider's metadata");
});

import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityVariables } from "@tripline/cloud-identity/identity-variables";
import type { TestIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { startIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { UNSENT_PERSONAL } from "@tripline/contracts/generated/payment-fields";
import { z } from "zod";
import type { KeyAccess } from "../master-key.js";
import { openMasterKey } from "../master-key.js";
import { PersonalOpener } from "../open-personal.js";
import { PersonalSealer } from "../personal-sealer.js";
import { splitSealed } from "../sealed-layout.js";
import type { TestKeyService, Trouble } from "../testing/key-services.js";
import { AZURE_VERSIONS, startAzureVault, startGoogleKms, startVault } from "../testing/key-services.js";
import { tokenResource } from "./azure-master-key.js";
import { googleMasterKey } from "./google-master-key.js";
import type { MasterKey } from "./wrapping.js";

const TOKEN = "token.of.pod";
const RING = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys";
const POD_TOKEN = "pod.token.signature";

let folder: string;
let identity: TestIdentityServer;
let access: KeyAccess;
let google: TestKeyService;
let azure: Awaited<ReturnType<typeof startAzureVault>>;
let vault: TestKeyService;
/** Tokens that Vault accepts. */
const known = new Set<string>();
let tokenFile: string;
let podTokenFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "key-services-"));
  [tokenFile, podTokenFile] = [join(folder, "vault-token"), join(folder, "pod-token")];
  await writeFile(podTokenFile, `${POD_TOKEN}\n`);
  identity = await startIdentityServer(() => ({ text: TOKEN, seconds: 3_600 }));
  access = z.object(identityVariables).parse(identity.environment);
  google = await startGoogleKms([`${RING}/personal`, `${RING}/other`], TOKEN);
  azure = await startAzureVault(["personal", "other"], TOKEN);
  vault = await startVault({
    names: ["personal", "other"],
    isKnown: (token) => known.has(token),
    signIn: (jwt) => (jwt === POD_TOKEN ? { token: "hvs.pod", seconds: 3_600 } : undefined),
  });
});
afterAll(async () => {
  for (const server of [identity, google, azure, vault]) await server?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const service of [google, azure, vault]) service.trouble = undefined;
  known.clear();
  known.add("hvs.one");
  await writeFile(tokenFile, "hvs.one\n");
});

const ofVault = (name: string, more: KeyAccess = { VAULT_TOKEN_FILE: tokenFile }) =>
  openMasterKey(`vault:${vault.url}/kms/transit/${name}`, { VAULT_NAMESPACE: "bank", ...more });

const services: readonly [name: string, () => TestKeyService, (key: string) => MasterKey][] = [
  ["Google Cloud KMS", () => google, (key) => googleMasterKey(`${RING}/${key}`, access, google.url)],
  ["Azure Key Vault", () => azure, (key) => openMasterKey(`azurekv:${azure.url}/keys/${key}`, access)],
  ["Vault", () => vault, (key) => ofVault(key)],
];
const unavailable = (message: RegExp) => ({ code: "master-key-unavailable", message: expect.stringMatching(message) });

describe.each(services)("%s", (name, service, keyOf) => {
  test("unwraps only keys that it wrapped", async () => {
    const [key, secret] = [keyOf("personal"), randomBytes(32)];
    const wrapped = await key.wrap(secret);
    expect(Buffer.from(wrapped).includes(secret)).toBe(false);
    expect(await key.unwrap(wrapped)).toEqual(secret);
    expect(await keyOf("personal").unwrap(wrapped)).toEqual(secret);
    expect(key.name).toMatch(/personal$/);
    const changed = Buffer.from(wrapped);
    changed.writeUInt8(changed.readUInt8(wrapped.length - 5) ^ 1, wrapped.length - 5);
    for (const [by, bytes] of [
      [keyOf("other"), wrapped],
      [key, changed],
      [key, randomBytes(60)],
    ] as const) {
      await expect(by.unwrap(bytes)).rejects.toMatchObject({ code: "master-key-unavailable" });
    }
  });

  test.each<[Trouble, RegExp]>([
    ["denied", /rejected the request \(HTTP 403\): .*(permission denied|not authorized)[^\n]*(?<!\.)\.$/i],
    ["disabled", /rejected the request \(HTTP 40[03]\): .*(is not enabled|disabled key|key not found)[^\n]*(?<!\.)\.$/],
  ])("reports in one line that the key is %s, and recovers afterwards", async (trouble, message) => {
    const [key, secret] = [keyOf("personal"), randomBytes(32)];
    const wrapped = await key.wrap(secret);
    service().trouble = trouble;
    for (const call of [() => key.wrap(secret), () => key.unwrap(wrapped)]) {
      await expect(call()).rejects.toMatchObject(unavailable(new RegExp(`^${name} ${message.source}`, message.flags)));
    }
    service().trouble = undefined;
    expect(await key.unwrap(wrapped)).toEqual(secret);
  });

  test("may be unavailable: sealing continues for the day, but decryption fails until it recovers", async () => {
    const subject = { tenant: "acme", cardToken: "ct_ada", emailToken: "" };
    const fields = { ...UNSENT_PERSONAL, email: "ada@example.com" };
    const sealer = new PersonalSealer({ masterKey: keyOf("personal"), logger: { error() {} } });
    await sealer.start();
    service().trouble = "denied";
    await sealer.start();
    const sealed = sealer.seal(fields, subject, "txn_1");
    sealer.close();
    if (typeof sealed === "string" || sealed.newKey === undefined) throw new Error("nothing was sealed");
    const stored = sealed.newKey.key;
    const part = splitSealed(sealed.bytes)?.sealed ?? Buffer.alloc(0);
    const opener = new PersonalOpener(keyOf("personal"));
    await expect(opener.open(part, stored, subject, "txn_1")).rejects.toMatchObject({ code: "master-key-unavailable" });
    service().trouble = undefined;
    expect(await opener.open(part, stored, subject, "txn_1")).toEqual(fields);
  });
});

const wrapped = z.object({ ciphertext: z.string(), kid: z.string(), value: z.string() }).partial();
const answered = wrapped.extend({ data: wrapped.optional() });

/** Calls the service like another program with access to the same key. */
async function post(url: string, headers: Record<string, string>, body: object): Promise<z.infer<typeof wrapped>> {
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = answered.parse(await response.json());
  return answer.data ?? answer;
}

test("does not unwrap data that the same key wrapped for a different purpose", async () => {
  const secret = randomBytes(32);
  const [authorization, plaintext] = [`Bearer ${TOKEN}`, secret.toString("base64")];
  const ofGoogle = await post(`${google.url}/v1/${RING}/personal:encrypt`, { authorization }, { plaintext });
  const sent = { alg: "RSA-OAEP-256", value: secret.toString("base64url") };
  const ofAzure = await post(`${azure.url}/keys/personal/wrapkey?api-version=7.4`, { authorization }, sent);
  const signedIn = { "x-vault-token": "hvs.one", "x-vault-namespace": "bank" };
  const inVault = await post(`${vault.url}/v1/kms/transit/encrypt/personal`, signedIn, { plaintext });
  const version = Buffer.from(ofAzure.kid?.split("/").at(-1) ?? "");
  const foreign = [
    Buffer.from(ofGoogle.ciphertext ?? "", "base64"),
    Buffer.concat([Uint8Array.of(version.length), version, Buffer.from(ofAzure.value ?? "", "base64url")]),
    Buffer.from(inVault.ciphertext ?? ""),
  ];
  const reasons = [/Decryption failed/, /is not a key for personal data\.$/, /message authentication failed/];
  for (const [index, [, , keyOf]] of services.entries()) {
    await expect(keyOf("personal").unwrap(foreign[index] ?? secret)).rejects.toMatchObject(
      unavailable(reasons[index] ?? /^$/),
    );
  }
});

test("waits at most 3 s for a service that accepts a request and never responds", async () => {
  const waiting = services.map(([, service, keyOf]) => {
    service().trouble = "silence";
    return keyOf("personal").wrap(randomBytes(32));
  });
  const answers = await Promise.allSettled(waiting);
  expect(answers.map((answer) => (answer.status === "rejected" ? answer.reason.message : "an answer"))).toEqual(
    services.map(([name]) =>
      expect.stringMatching(new RegExp(`^${name} is not responding at 127\\.0\\.0\\.1:\\d+: .*timeout`)),
    ),
  );
});

test("a version of an Azure key unwraps the keys that it wrapped even after a newer version exists", async () => {
  const [key, secret] = [openMasterKey(`azurekv:${azure.url}/keys/personal`, access), randomBytes(32)];
  const before = await key.wrap(secret);
  azure.turn();
  const after = await key.wrap(secret);
  expect(Buffer.from(before).includes(AZURE_VERSIONS[0])).toBe(true);
  expect(Buffer.from(after).includes(AZURE_VERSIONS[1])).toBe(true);
  for (const wrapped of [before, after]) expect(await key.unwrap(wrapped)).toEqual(secret);
});

test.each([
  ["https://bank.vault.azure.net/keys/personal", "https://vault.azure.net"],
  ["https://bank.vault.azure.cn/keys/personal", "https://vault.azure.cn"],
  ["https://bank.managedhsm.azure.net/keys/personal", "https://managedhsm.azure.net"],
])("the token for %s is issued for the resource %s", (url, resource) => {
  expect(tokenResource(url)).toBe(resource);
});

test("reports which identity provider returns no token", async () => {
  identity.failWith(403);
  try {
    for (const [name, who] of [
      ["Google Cloud KMS", "Google's metadata server"],
      ["Azure Key Vault", "Entra"],
    ]) {
      const [, , keyOf] = services.find(([known]) => known === name) ?? [];
      await expect(keyOf?.("personal").wrap(randomBytes(32))).rejects.toMatchObject(
        unavailable(new RegExp(`^${who} issued no token \\(HTTP 403\\)`)),
      );
    }
  } finally {
    identity.failWith(undefined);
  }
});

describe("Vault authentication", () => {
  test("uses a token replaced in its file without a restart", async () => {
    const key = ofVault("personal");
    const wrapped = await key.wrap(randomBytes(32));
    known.clear();
    known.add("hvs.two");
    await expect(key.unwrap(wrapped)).rejects.toMatchObject(unavailable(/permission denied/));
    await writeFile(tokenFile, "hvs.two\n");
    await key.unwrap(wrapped);
    await rm(tokenFile);
    await expect(key.unwrap(wrapped)).rejects.toMatchObject(
      unavailable(/^The token for Vault cannot be read from .*vault-token\.$/),
    );
  });

  test("authenticates a pod's service account once for many calls, and rejects a wrong role", async () => {
    known.add("hvs.pod");
    const signIn = { VAULT_KUBERNETES_TOKEN_FILE: podTokenFile };
    const key = ofVault("personal", { VAULT_KUBERNETES_ROLE: "tripline", ...signIn });
    const before = vault.asked.length;
    const secret = randomBytes(32);
    expect(await key.unwrap(await key.wrap(secret))).toEqual(secret);
    expect(vault.asked.slice(before)).toEqual([
      "/v1/auth/kubernetes/login",
      "/v1/kms/transit/encrypt/personal",
      "/v1/kms/transit/decrypt/personal",
    ]);
    await expect(ofVault("personal", { VAULT_KUBERNETES_ROLE: "other", ...signIn }).wrap(secret)).rejects.toMatchObject(
      unavailable(/^Vault rejected the request \(HTTP 403\): .*permission denied\.$/),
    );
  });
});

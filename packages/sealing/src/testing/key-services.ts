import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt, randomBytes, randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { makeCertificate } from "@tripline/cloud-identity/testing/certificates";
import { openBytes, sealBytes } from "../seal-bytes.js";

/** For tests: a key service on a local port that behaves as documented, with real keys. */
export interface TestKeyService {
  /** `https://127.0.0.1:…` */
  readonly url: string;
  /** Requested paths so far. */
  readonly asked: readonly string[];
  /** The failure to simulate from now on; `undefined` for none. */
  trouble: Trouble | undefined;
  close(): Promise<void>;
}

/** The caller may not use the key, the key is disabled, or there is no response. */
export type Trouble = "denied" | "disabled" | "silence";

interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, string>>;
  readonly trouble: Trouble | undefined;
}
type Answer = readonly [status: number, body: object];

const KEY_BYTES = 32;
const BODY_BYTES_MAX = 64 * 1024;

async function serve(answer: (asked: Asked) => Answer): Promise<TestKeyService> {
  const { certificate: cert, key } = await makeCertificate(`key service ${randomUUID()}`, ["127.0.0.1"]);
  setDefaultCACertificates([...getCACertificates("default"), cert]);
  const asked: string[] = [];
  const server = createServer({ cert, key }, async (request, response) => {
    const { url: path = "", headers } = request;
    asked.push(path);
    const { trouble } = service;
    if (trouble === "silence") return;
    const [status, body] = answer({ path, headers, body: await bodyOf(request), trouble });
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const service: TestKeyService = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    trouble: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, string>> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw new Error("the body is too long");
  }
  return JSON.parse(text);
}

const seal = (text: string | undefined, key: Buffer, context: string | undefined) =>
  sealBytes(Buffer.from(text ?? "", "base64"), key, context ?? "").toString("base64");
const open = (text: string | undefined, key: Buffer, context: string | undefined) =>
  openBytes(Buffer.from(text ?? "", "base64"), key, context ?? "")?.toString("base64");

/** Google Cloud KMS with these symmetric keys, `projects/…/cryptoKeys/…`, for callers with the token. */
export function startGoogleKms(names: readonly string[], token: string): Promise<TestKeyService> {
  const keys = new Map(names.map((name) => [name, randomBytes(KEY_BYTES)]));
  const refuse = (status: number, message: string): Answer => [status, { error: { code: status, message } }];
  return serve(({ path, headers, body, trouble }) => {
    if (headers.authorization !== `Bearer ${token}`) return refuse(401, "Request had invalid credentials.");
    const [, name = "", call] = /^\/v1\/(.+):(encrypt|decrypt)$/.exec(path) ?? [];
    const key = keys.get(name);
    if (key === undefined || trouble === "denied") {
      return refuse(403, `Permission denied on resource '${name}' (or it may not exist).`);
    }
    const version = `${name}/cryptoKeyVersions/1`;
    if (trouble === "disabled") return refuse(400, `${version} is not enabled, current state is: DISABLED.`);
    const context = body.additionalAuthenticatedData;
    if (call === "encrypt") return [200, { name: version, ciphertext: seal(body.plaintext, key, context) }];
    const plaintext = open(body.ciphertext, key, context);
    if (plaintext !== undefined) return [200, { plaintext }];
    return refuse(400, "Decryption failed: verify that 'name' refers to the correct CryptoKey.");
  });
}

export const AZURE_VERSIONS = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"] as const;

/** Azure Key Vault with RSA keys of these names, each with two versions, for callers with the token. */
export async function startAzureVault(
  names: readonly string[],
  token: string,
): Promise<TestKeyService & { turn(): void }> {
  const ids = names.flatMap((name) => AZURE_VERSIONS.map((version) => `${name}/${version}`));
  const pairs = new Map(ids.map((id) => [id, generateKeyPairSync("rsa", { modulusLength: 2_048 })]));
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
  let current: string = AZURE_VERSIONS[0];
  const refuse = (status: number, message: string): Answer => [status, { error: { code: "Forbidden", message } }];
  const service = await serve(({ path, headers, body, trouble }) => {
    if (headers.authorization !== `Bearer ${token}`) return refuse(401, "AKV10000: Request is missing a Bearer token.");
    const [, name = "", given, call = ""] =
      /^\/keys\/([\w-]+)(?:\/([0-9a-f]{32}))?\/(wrapkey|unwrapkey)\?api-version=7\.4$/.exec(path) ?? [];
    const pair = pairs.get(`${name}/${given ?? current}`);
    if (pair === undefined) return refuse(404, "A key with (name/id) was not found in this key vault.");
    if (trouble === "denied") return refuse(403, "Caller is not authorized to perform action on resource.");
    if (trouble === "disabled") return refuse(403, `Operation ${call} is not allowed on a disabled key.`);
    if (body.alg !== "RSA-OAEP-256") return refuse(400, "The algorithm is not supported.");
    const bytes = Buffer.from(body.value ?? "", "base64url");
    try {
      const result =
        call === "wrapkey"
          ? publicEncrypt({ key: pair.publicKey, ...padding }, bytes)
          : privateDecrypt({ key: pair.privateKey, ...padding }, bytes);
      const kid = `${service.url}/keys/${name}/${given ?? current}`;
      return [200, { kid, value: result.toString("base64url") }];
    } catch {
      return refuse(400, "The parameter is incorrect.");
    }
  });
  /** From now on, the second version wraps keys. */
  return Object.assign(service, {
    turn: () => {
      current = AZURE_VERSIONS[1];
    },
  });
}

export interface TestVault {
  readonly names: readonly string[];
  /** Whether Vault accepts a token. */
  readonly isKnown: (token: string) => boolean;
  /** Exchanges a pod's token for a Vault token with the role `tripline`. */
  readonly signIn: (jwt: string) => { readonly token: string; readonly seconds: number } | undefined;
}

/** Vault with a transit engine at `kms/transit`, in the namespace `bank`. */
export function startVault({ names, isKnown, signIn }: TestVault): Promise<TestKeyService> {
  const keys = new Map(names.map((name) => [name, randomBytes(KEY_BYTES)]));
  const refuse = (status: number, message: string): Answer => [
    status,
    { errors: [`1 error occurred:\n\t* ${message}\n\n`] },
  ];
  return serve(({ path, headers, body, trouble }) => {
    if (headers["x-vault-namespace"] !== "bank") return refuse(404, "no handler for route");
    if (path === "/v1/auth/kubernetes/login") {
      const given = body.role === "tripline" ? signIn(body.jwt ?? "") : undefined;
      if (given === undefined) return refuse(403, "permission denied");
      return [200, { auth: { client_token: given.token, lease_duration: given.seconds } }];
    }
    if (!isKnown(String(headers["x-vault-token"])) || trouble === "denied") return refuse(403, "permission denied");
    const [, call, name = ""] = /^\/v1\/kms\/transit\/(encrypt|decrypt)\/(\w+)$/.exec(path) ?? [];
    const key = keys.get(name);
    if (key === undefined || trouble === "disabled") return refuse(400, "encryption key not found");
    const context = body.associated_data;
    if (call === "encrypt")
      return [200, { data: { ciphertext: `vault:v1:${seal(body.plaintext, key, context)}`, key_version: 1 } }];
    const [, bytes] = /^vault:v1:(.+)$/.exec(body.ciphertext ?? "") ?? [];
    const plaintext = open(bytes, key, context);
    return plaintext === undefined
      ? refuse(400, "cipher: message authentication failed")
      : [200, { data: { plaintext } }];
  });
}

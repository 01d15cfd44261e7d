import { readFile } from "node:fs/promises";
import { renewing } from "@tripline/cloud-identity/renew-token";
import { z } from "zod";
import { requestKeyService } from "./request-key-service.js";
import type { MasterKey } from "./wrapping.js";
import { masterKeyOf, WRAP_CONTEXT } from "./wrapping.js";

/** How the service authenticates to Vault: with exactly one of the first two. */
export interface VaultAccess {
  readonly VAULT_TOKEN_FILE?: string | undefined;
  readonly VAULT_KUBERNETES_ROLE?: string | undefined;
  readonly VAULT_KUBERNETES_MOUNT?: string | undefined;
  readonly VAULT_KUBERNETES_TOKEN_FILE?: string | undefined;
  readonly VAULT_NAMESPACE?: string | undefined;
}

export interface VaultKey {
  /** Without a trailing slash. */
  readonly server: string;
  /** Mount path of the transit engine. */
  readonly mount: string;
  readonly key: string;
}

const WHO = "Vault";
/** Vault may revoke a token before it expires, so tokens are used for at most this long. */
const TOKEN_SECONDS_MAX = 3_600;

const signedIn = z.object({ auth: z.object({ client_token: z.string().min(1), lease_duration: z.number().min(0) }) });
const encrypted = z.object({ data: z.object({ ciphertext: z.string().min(1) }) });
const decrypted = z.object({ data: z.object({ plaintext: z.base64() }) });

/**
 * A key of the transit engine of Vault or OpenBao, of a type with additional authenticated data, such as `aes256-gcm96`
 * (https://developer.hashicorp.com/vault/api-docs/secret/transit).
 */
export function vaultMasterKey({ server, mount, key }: VaultKey, access: VaultAccess): MasterKey {
  const { VAULT_NAMESPACE: namespace } = access;
  const shared = { "x-vault-request": "true", ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }) };
  const post = <S extends z.ZodType>(
    path: string,
    headers: Record<string, string>,
    body: Record<string, string>,
    answer: S,
  ) => requestKeyService({ who: WHO, url: `${server}/v1/${path}`, headers: { ...shared, ...headers }, body, answer });
  const logIn = renewing(async () => {
    const { VAULT_KUBERNETES_ROLE: role = "", VAULT_KUBERNETES_MOUNT: at = "kubernetes" } = access;
    const jwt = await readToken(access.VAULT_KUBERNETES_TOKEN_FILE ?? SERVICE_ACCOUNT_TOKEN);
    const { auth } = await post(`auth/${at}/login`, {}, { role, jwt }, signedIn);
    // 0 means that the token does not expire.
    const seconds = Math.min(auth.lease_duration || TOKEN_SECONDS_MAX, TOKEN_SECONDS_MAX);
    return { text: auth.client_token, expiresAtMs: Date.now() + seconds * 1_000 };
  });
  const sendRequest = async <S extends z.ZodType>(method: string, body: Record<string, string>, answer: S) => {
    const { VAULT_TOKEN_FILE: file } = access;
    const token = file === undefined ? (await logIn()).value.text : await readToken(file);
    const context = { associated_data: Buffer.from(WRAP_CONTEXT).toString("base64") };
    return post(`${mount}/${method}/${key}`, { "x-vault-token": token }, { ...body, ...context }, answer);
  };
  return masterKeyOf(`vault:${server}/${mount}/${key}`, {
    async wrap(plain) {
      const body = { plaintext: Buffer.from(plain).toString("base64") };
      // As text, `vault:v3:…`, which includes the key version needed to decrypt it.
      return Buffer.from((await sendRequest("encrypt", body, encrypted)).data.ciphertext);
    },
    async unwrap(wrapped) {
      const body = { ciphertext: Buffer.from(wrapped).toString("latin1") };
      return Buffer.from((await sendRequest("decrypt", body, decrypted)).data.plaintext, "base64");
    },
  });
}

/** Where Kubernetes mounts and renews the token of a pod's service account. */
const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** An external program may renew the token file, so the file is read for each use. */
async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw new Error(`The token for Vault cannot be read from ${file}.`, { cause });
  }
}

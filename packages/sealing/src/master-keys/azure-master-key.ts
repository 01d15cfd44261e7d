import { fetchEntraToken } from "@tripline/cloud-identity/entra-token";
import type { IdentityVariables } from "@tripline/cloud-identity/identity-variables";
import { renewing } from "@tripline/cloud-identity/renew-token";
import { z } from "zod";
import { requestKeyService } from "./request-key-service.js";
import type { MasterKey } from "./wrapping.js";
import { masterKeyOf, WRAP_CONTEXT } from "./wrapping.js";

const API_VERSION = "7.4";
const ALGORITHM = "RSA-OAEP-256";
/** RSA does not support additional authenticated data, so the context is a prefix of the plaintext. */
const HEAD = Buffer.from(`${WRAP_CONTEXT}\0`);

const result = z.object({ kid: z.string(), value: z.base64url() });

/**
 * An RSA key of Azure Key Vault or of a managed HSM (https://learn.microsoft.com/rest/api/keyvault/keys/wrap-key/wrap-key),
 * with the pod's token. Only the version that wrapped a key can unwrap it, so the version's name precedes the wrapped
 * bytes. The first byte is the length of the name.
 *
 * @param url `https://….vault.azure.net/keys/…`
 */
export function azureMasterKey(url: string, variables: IdentityVariables): MasterKey {
  const tokens = renewing(() => fetchEntraToken(variables, tokenResource(url)));
  const sendRequest = async (call: string, given: Uint8Array) => {
    const { value: token } = await tokens();
    const { kid, value } = await requestKeyService({
      who: "Azure Key Vault",
      url: `${url}/${call}?api-version=${API_VERSION}`,
      headers: { authorization: `Bearer ${token.text}` },
      body: { alg: ALGORITHM, value: Buffer.from(given).toString("base64url") },
      answer: result,
    });
    return { version: versionOf(kid.split("/").at(-1)), bytes: Buffer.from(value, "base64url") };
  };
  return masterKeyOf(`azurekv:${url}`, {
    async wrap(key) {
      const { version, bytes } = await sendRequest("wrapkey", Buffer.concat([HEAD, key]));
      return Buffer.concat([Uint8Array.of(version.length), Buffer.from(version), bytes]);
    },
    async unwrap(wrapped) {
      const [length = 0] = wrapped;
      const version = versionOf(Buffer.from(wrapped.subarray(1, 1 + length)).toString("latin1"));
      const { bytes } = await sendRequest(`${version}/unwrapkey`, wrapped.subarray(1 + length));
      if (bytes.subarray(0, HEAD.length).equals(HEAD)) return bytes.subarray(HEAD.length);
      throw new Error("The value that Azure Key Vault unwrapped is not a key for personal data.");
    },
  });
}

/** The token audience for a vault: in every Azure cloud, its host name without the vault's name. */
export function tokenResource(url: string): string {
  return `https://${new URL(url).hostname.replace(/^[^.]*\./, "")}`;
}

function versionOf(text: string | undefined): string {
  if (text !== undefined && /^[A-Za-z0-9]{1,64}$/.test(text)) return text;
  throw new Error("The envelope key does not contain the version of an Azure Key Vault key.");
}

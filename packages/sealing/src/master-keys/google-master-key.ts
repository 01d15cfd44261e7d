import { fetchGoogleToken } from "@tripline/cloud-identity/google-token";
import type { IdentityVariables } from "@tripline/cloud-identity/identity-variables";
import { renewing } from "@tripline/cloud-identity/renew-token";
import { z } from "zod";
import { requestKeyService } from "./request-key-service.js";
import type { MasterKey } from "./wrapping.js";
import { masterKeyOf, WRAP_CONTEXT } from "./wrapping.js";

const SERVICE = "https://cloudkms.googleapis.com";

const bytes = z.base64().transform((text) => Buffer.from(text, "base64"));
const encrypted = z.object({ ciphertext: bytes });
const decrypted = z.object({ plaintext: bytes });

/**
 * A symmetric key of Google Cloud KMS
 * (https://docs.cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys), with the pod's token.
 *
 * @param name `projects/…/locations/…/keyRings/…/cryptoKeys/…`
 * @param service another server, for tests
 */
export function googleMasterKey(name: string, variables: IdentityVariables, service = SERVICE): MasterKey {
  // Google's library has its own retries.
  const tokens = renewing(() => fetchGoogleToken(variables), { attemptsMax: 1 });
  const sendRequest = async <S extends z.ZodType>(method: string, field: string, given: Uint8Array, answer: S) => {
    const { value: token } = await tokens();
    return requestKeyService({
      who: "Google Cloud KMS",
      url: `${service}/v1/${name}:${method}`,
      headers: { authorization: `Bearer ${token.text}` },
      body: {
        [field]: Buffer.from(given).toString("base64"),
        additionalAuthenticatedData: Buffer.from(WRAP_CONTEXT).toString("base64"),
      },
      answer,
    });
  };
  return masterKeyOf(`gcpkms:${name}`, {
    wrap: async (key) => (await sendRequest("encrypt", "plaintext", key, encrypted)).ciphertext,
    unwrap: async (wrapped) => (await sendRequest("decrypt", "ciphertext", wrapped, decrypted)).plaintext,
  });
}

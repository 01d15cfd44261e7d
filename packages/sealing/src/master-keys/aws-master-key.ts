import type { MasterKey } from "./wrapping.js";
import { masterKeyOf, WRAP_CONTEXT } from "./wrapping.js";

interface KmsCalls {
  encrypt(key: Uint8Array): Promise<Uint8Array | undefined>;
  decrypt(wrapped: Uint8Array): Promise<Uint8Array | undefined>;
}

const REQUEST_MS_MAX = 3_000;
const ATTEMPTS_MAX = 2;

/**
 * A symmetric key of AWS KMS, whose library is loaded at the first call. Uses the SDK's default region and identity.
 */
export function awsMasterKey(keyId: string): MasterKey {
  let client: Promise<KmsCalls> | undefined;
  const sendRequest = async (call: (kms: KmsCalls) => Promise<Uint8Array | undefined>): Promise<Buffer> => {
    client ??= loadKms(keyId);
    const answer = await call(await client).catch((cause) => {
      throw new Error(`AWS KMS rejected the request: ${String(cause.message).replace(/\.$/, "")}.`, { cause });
    });
    if (answer !== undefined) return Buffer.from(answer);
    throw new Error("AWS KMS returned no key.");
  };
  return masterKeyOf(`awskms:${keyId}`, {
    wrap: (key) => sendRequest((kms) => kms.encrypt(key)),
    unwrap: (wrapped) => sendRequest((kms) => kms.decrypt(wrapped)),
  });
}

async function loadKms(keyId: string): Promise<KmsCalls> {
  const { KMSClient, EncryptCommand, DecryptCommand } = await import("@aws-sdk/client-kms");
  const kms = new KMSClient({
    maxAttempts: ATTEMPTS_MAX,
    // Without the last option, a timeout would only log a warning.
    requestHandler: {
      requestTimeout: REQUEST_MS_MAX,
      connectionTimeout: REQUEST_MS_MAX,
      throwOnRequestTimeout: true,
    },
  });
  const shared = { KeyId: keyId, EncryptionContext: { use: WRAP_CONTEXT } };
  return {
    encrypt: async (key) => (await kms.send(new EncryptCommand({ ...shared, Plaintext: key }))).CiphertextBlob,
    decrypt: async (wrapped) => (await kms.send(new DecryptCommand({ ...shared, CiphertextBlob: wrapped }))).Plaintext,
  };
}

import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { openBytes, sealBytes } from "../seal-bytes.js";

/** What wraps envelope keys. Both methods throw TriplineError `master-key-unavailable`. */
export interface MasterKey {
  /** Which key wraps, for those who look at what it wrapped. */
  readonly name: string;
  wrap(key: Uint8Array): Promise<Uint8Array>;
  /** Of what any version of it wrapped. */
  unwrap(wrapped: Uint8Array): Promise<Buffer>;
}

const KEY_BYTES = 32;
const AWS = /^awskms:(.+)$/;
/** Bound to everything that it wraps, so that nothing else that one gets a cloud's key to open is taken for an envelope key. */
export const WRAP_CONTEXT = "tripline-personal-data";

const WANTED = `must be ${KEY_BYTES} random bytes in base64, several of them separated by commas, or awskms: and the id of a key`;

/** The setting of both services: see its description. */
export const masterKeyConfig = {
  PERSONAL_MASTER_KEY: z
    .string()
    // A file that became a Secret often ends with a line feed.
    .trim()
    .refine((text) => AWS.test(text) || localKeys(text).every((key) => key.length === KEY_BYTES), WANTED)
    .optional()
    .meta({
      description:
        "Wraps the keys that seal personal data: 32 random bytes in base64, or `awskms:` and the id, alias or ARN of a key of AWS. " +
        "Of several in base64, separated by commas, the first one wraps, and the others open what they have wrapped. Without it no personal data are kept.",
    }),
};

/** @param text of the setting */
export function openMasterKey(text: string): MasterKey {
  const keyId = AWS.exec(text)?.[1];
  return keyId === undefined ? localMasterKey(localKeys(text)) : awsMasterKey(keyId);
}

function localKeys(text: string): Buffer[] {
  return text.split(",").map((key) => Buffer.from(key.trim(), "base64"));
}

/** Keys of a file or a secret. */
function localMasterKey(keys: readonly Uint8Array[]): MasterKey {
  const [first = Buffer.alloc(0)] = keys;
  return {
    name: `local:${createHash("sha256").update(first).digest("hex").slice(0, 8)}`,
    wrap: async (key) => sealBytes(key, first, WRAP_CONTEXT),
    async unwrap(wrapped) {
      for (const key of keys) {
        const opened = openBytes(wrapped, key, WRAP_CONTEXT);
        if (opened !== undefined) return opened;
      }
      throw new TriplineError("master-key-unavailable", "No master key of this service opens the envelope key.");
    },
  };
}

/** A symmetric key of AWS KMS, whose library is loaded at the first call. The region and the identity are the SDK's usual ones. */
function awsMasterKey(keyId: string): MasterKey {
  let client: Promise<KmsCalls> | undefined;
  const ask = async (call: (kms: KmsCalls) => Promise<Uint8Array | undefined>): Promise<Buffer> => {
    try {
      client ??= loadKms(keyId);
      const answer = await call(await client);
      if (answer !== undefined) return Buffer.from(answer);
      throw new Error("it answered without a key");
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new TriplineError("master-key-unavailable", `AWS KMS does not help: ${why}.`, [], { cause });
    }
  };
  return {
    name: `awskms:${keyId}`,
    wrap: (key) => ask((kms) => kms.encrypt(key)),
    unwrap: (wrapped) => ask((kms) => kms.decrypt(wrapped)),
  };
}

interface KmsCalls {
  encrypt(key: Uint8Array): Promise<Uint8Array | undefined>;
  decrypt(wrapped: Uint8Array): Promise<Uint8Array | undefined>;
}

const REQUEST_MS_MAX = 3_000;
const ATTEMPTS_MAX = 2;

async function loadKms(keyId: string): Promise<KmsCalls> {
  const { KMSClient, EncryptCommand, DecryptCommand } = await import("@aws-sdk/client-kms");
  const kms = new KMSClient({
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { requestTimeout: REQUEST_MS_MAX, connectionTimeout: REQUEST_MS_MAX },
  });
  const shared = { KeyId: keyId, EncryptionContext: { use: WRAP_CONTEXT } };
  return {
    encrypt: async (key) => (await kms.send(new EncryptCommand({ ...shared, Plaintext: key }))).CiphertextBlob,
    decrypt: async (wrapped) => (await kms.send(new DecryptCommand({ ...shared, CiphertextBlob: wrapped }))).Plaintext,
  };
}

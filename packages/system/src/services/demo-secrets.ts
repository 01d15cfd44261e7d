import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeWhole } from "@tripline/local-stack/write-whole";
import { z } from "zod";

const key = () => randomBytes(32).toString("base64");
const password = () => randomBytes(24).toString("base64url");

const secrets = z.strictObject({
  /** Base64, 32 bytes: key for card tokens. */
  cardTokenKey: z.base64().default(key),
  /** Base64, 32 bytes: wraps the signing keys in Postgres. */
  keyEncryptionKey: z.base64().default(key),
  /** Base64, 32 bytes: signs the audit log. */
  auditSigningKey: z.base64().default(key),
  /** Base64, 32 bytes: wraps the keys of personal data. */
  personalMasterKey: z.base64().default(key),
  clientSecret: z.string().min(24).default(password),
  operatorSecret: z.string().min(24).default(password),
  approverSecret: z.string().min(24).default(password),
  /** Secret of the training worker. */
  trainingSecret: z.string().min(24).default(password),
  /** Base64, 32 bytes: encrypts the tokens of users signed in to the console. */
  sessionKey: z.base64().default(key),
  consoleSecret: z.string().min(24).default(password),
  /** Password of the users `demo` and `demo-lead`. */
  demoPassword: z.string().min(15).default(password),
  leadPassword: z.string().min(15).default(password),
});

export type DemoSecrets = z.infer<typeof secrets>;
export type PeoplePasswords = Pick<DemoSecrets, "demoPassword" | "leadPassword">;
export type ClientSecrets = Pick<DemoSecrets, "clientSecret" | "operatorSecret" | "approverSecret">;

/**
 * The secrets of a local installation. They are generated at random the first time and then kept, so that card tokens
 * do not change. Secrets that an earlier version did not have are added.
 */
export function demoSecrets(file: string): DemoSecrets {
  let text = "{}";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // The file is created below.
  }
  const made = secrets.parse(JSON.parse(text));
  const written = JSON.stringify(made, null, 2);
  if (written === text) return made;
  writeWhole(file, written, 0o600);
  return made;
}

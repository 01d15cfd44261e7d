import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

const secrets = z.strictObject({
  /** Base64, 32 bytes: keys the tokens that stand for card numbers. */
  cardTokenKey: z.base64(),
  /** Base64, 32 bytes: wraps the signing keys in Postgres. */
  keyEncryptionKey: z.base64(),
  clientSecret: z.string().min(24),
});

export type DemoSecrets = z.infer<typeof secrets>;

/** The secrets of a local installation: made at random the first time, then kept, so that card tokens stay the same. */
export function demoSecrets(file: string): DemoSecrets {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    const fresh: DemoSecrets = {
      cardTokenKey: randomBytes(32).toString("base64"),
      keyEncryptionKey: randomBytes(32).toString("base64"),
      clientSecret: randomBytes(24).toString("base64url"),
    };
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(fresh, null, 2), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return fresh;
  }
  return secrets.parse(JSON.parse(text));
}

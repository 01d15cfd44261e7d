import { randomBytes } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FollowedMasterKey } from "./followed-master-key.js";
import { openMasterKey } from "./master-key.js";

const newKey = () => randomBytes(32).toString("base64");
const GOOGLE = "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k";

test.each([
  ["too-short", /^PERSONAL_MASTER_KEY must be 32 random bytes in base64, or one of awskms:, gcpkms:, azurekv:, vault:/],
  ["hsm:key", /^PERSONAL_MASTER_KEY must be 32 random bytes/],
  ["gcpkms:personal", /^PERSONAL_MASTER_KEY must contain, after "gcpkms:", projects\/…\/locations/],
  [`${GOOGLE}/cryptoKeyVersions/1`, /without its version\.$/],
  ["azurekv:https://bank.vault.azure.net/personal", /^PERSONAL_MASTER_KEY must contain, after "azurekv:", https:/],
  ["azurekv:https://bank.vault.azure.net/keys/personal", /contains an Azure key, which requires AZURE_CLIENT_ID/],
  ["vault:https://vault.bank:8200", /^PERSONAL_MASTER_KEY must contain, after "vault:", https:/],
  ["vault:http://vault.bank:8200/transit/personal", /because the Vault token is sent to vault\.bank:8200\.$/],
  [
    "vault:https://vault.bank:8200/transit/personal",
    /which requires either VAULT_TOKEN_FILE or VAULT_KUBERNETES_ROLE\.$/,
  ],
  [`${newKey()},awskms:`, /^PERSONAL_MASTER_KEY must contain, after "awskms:", the ID/],
])("rejects %s, and says why in one sentence that names the setting and no key", (text, sentence) => {
  let message = "";
  try {
    openMasterKey(text);
  } catch (error) {
    message = error instanceof Error ? error.message : "";
  }
  expect(message).toMatch(sentence);
  expect(message).not.toContain("too-short");
});

test("the first of several keys wraps, and the others only unwrap", async () => {
  const [old, secret] = [newKey(), randomBytes(32)];
  const wrapped = await openMasterKey(old).wrap(secret);
  const both = openMasterKey(`${newKey()},vault:http://127.0.0.1:1/transit/personal,${old}`, {
    VAULT_TOKEN_FILE: "/t",
  });
  expect(await both.unwrap(wrapped)).toEqual(secret);
  expect(openMasterKey(`${GOOGLE},${old}`).name).toBe(GOOGLE);
});

test("loads a new key from the file without a restart, and ignores an invalid one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "master-key-"));
  const file = join(folder, "key");
  const [old, fresh, secret] = [newKey(), newKey(), randomBytes(32)];
  await writeFile(file, `${old}\n`);
  const followed = new FollowedMasterKey({ PERSONAL_MASTER_KEY_FILE: file });
  const events: string[] = [];
  let notify = (): void => {};
  followed.follow({
    lookEveryMs: 20,
    onChanged: () => {
      events.push(followed.name);
      notify();
    },
    onFault: (sentence) => {
      events.push(sentence);
      notify();
    },
  });
  const change = async (text: string) => {
    const notified = new Promise<void>((resolve) => {
      notify = resolve;
    });
    // Atomically, so that no partial content is seen.
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
    await notified;
  };
  try {
    const wrapped = await followed.wrap(secret);
    await change("half of it");
    expect(followed.name).toBe(openMasterKey(old).name);
    await change(`${fresh},${old}`);
    expect(await followed.unwrap(wrapped)).toEqual(secret);
    expect(events).toEqual([expect.stringMatching(/^PERSONAL_MASTER_KEY must be/), openMasterKey(fresh).name]);
  } finally {
    followed.close();
    await rm(folder, { recursive: true });
  }
});

test("rejects a key together with a key file, and a missing file", () => {
  expect(() => FollowedMasterKey.isSet({ PERSONAL_MASTER_KEY: newKey(), PERSONAL_MASTER_KEY_FILE: "/key" })).toThrow(
    "PERSONAL_MASTER_KEY and PERSONAL_MASTER_KEY_FILE are both set, so unset one of them.",
  );
  expect(() => new FollowedMasterKey({ PERSONAL_MASTER_KEY_FILE: "/no/such/key" })).toThrow(
    "The file /no/such/key in PERSONAL_MASTER_KEY_FILE cannot be read.",
  );
});

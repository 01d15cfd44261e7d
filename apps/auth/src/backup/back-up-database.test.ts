import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testStack } from "@tripline/local-stack/testing/stack";
import { startPythonStores } from "@tripline/object-store/testing/store-servers";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { startAuth } from "../start-auth.js";
import {
  ANNA,
  authorizationRequest,
  Browser,
  beginSignIn,
  csrfOf,
  PEOPLE_ENVIRONMENT,
  signIn,
} from "../testing/browser.js";
import { authEnvironment, publishedKeys, requestToken, SHOP_BASIC, testConfig } from "../testing/service.js";
import { backUp, parseBackup, restore } from "./back-up-database.js";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));
const run = promisify(execFile);

let directory: string;
let file: string;
let first: string;
let second: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-backup-"));
  file = join(directory, "auth.json");
  first = (await testStack()).postgresUrl;
  second = (await testStack()).postgresUrl;
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function backup(
  action: "backup" | "restore",
  postgresUrl: string,
  change: Readonly<Record<string, string>> = {},
): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    POSTGRES_URL: postgresUrl,
    BACKUP_FILE: file,
    BACKUP_ACTION: action,
    ...change,
  };
  return (await run(process.execPath, [MAIN], { env })).stdout;
}

/** Starts auth on a fresh database and stops it again. */
async function fill(environment: Record<string, string>) {
  const service = await startAuth(testConfig(first, environment));
  const keys = await publishedKeys(service.url);
  await service.close();
  return keys;
}

test("restores a lost database with its clients, users and keys", async () => {
  const { KEY_ENCRYPTION_KEY = "" } = authEnvironment(first);
  const { BOOTSTRAP_PEOPLE } = PEOPLE_ENVIRONMENT;
  const keys = await fill({ KEY_ENCRYPTION_KEY, BOOTSTRAP_PEOPLE });
  expect(await backup("backup", first)).toMatch(/^Saved 1 clients, 1 people and 1 encrypted keys in /);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await backup("restore", second)).toMatch(/^Restored 3 rows of the backup made at /);
  const restored = { ...PEOPLE_ENVIRONMENT, BOOTSTRAP_PEOPLE: "[]" };
  const service = await startAuth(testConfig(second, { KEY_ENCRYPTION_KEY, BOOTSTRAP_CLIENTS: "[]", ...restored }));
  try {
    expect(await publishedKeys(service.url)).toEqual(keys);
    await expect(requestToken(service.url, SHOP_BASIC)).resolves.toMatchObject({ status: 200 });
    await expect(signIn(new Browser(service.url), authorizationRequest().path)).resolves.toBeInstanceOf(URL);
  } finally {
    await service.close();
  }
});

test("after a restore, a user with a passkey cannot sign in with the password alone", async () => {
  const { KEY_ENCRYPTION_KEY = "" } = authEnvironment(first);
  await fill({ KEY_ENCRYPTION_KEY, ...PEOPLE_ENVIRONMENT });
  const database = connectDatabase({ url: first, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} });
  await database.execute(
    `INSERT INTO auth.passkeys (credential_id, person_id, name, public_key, counter)
     SELECT 'one', person_id, 'phone', '\\x00ff', 7 FROM auth.people`,
    [],
  );
  await database.close();
  await backup("backup", first);
  await backup("restore", second);
  const service = await startAuth(testConfig(second, { ...PEOPLE_ENVIRONMENT, KEY_ENCRYPTION_KEY }));
  try {
    const browser = new Browser(service.url);
    const { uid, page } = await beginSignIn(browser, authorizationRequest().path);
    const { user_name, password } = ANNA;
    const posted = await browser.post(uid, { csrf: csrfOf(page), user_name, password });
    // Redirects to the page for the second factor instead of back to the console.
    expect(posted).toMatchObject({ status: 303, location: uid });
  } finally {
    await service.close();
  }
});

test("restores a backup from a bucket, and rejects a missing one", async () => {
  const stores = await startPythonStores();
  try {
    const { url, environment } = stores.s3.writer;
    await fill({});
    const at = (key: string) => ({ ...environment, BACKUP_FILE: `${url}/backups/${key}` });
    await backup("backup", first, at("auth.json"));
    await expect(backup("restore", second, at("other.json"))).rejects.toThrow(
      "The backup cannot be read: s3://tripline/backups/other.json does not exist.",
    );
    expect(await backup("restore", second, at("auth.json"))).toMatch(/^Restored \d+ rows of the backup made at /);
  } finally {
    await stores.stop();
  }
}, 300_000);

test("rejects a database in use, and a changed or truncated backup", async () => {
  const { KEY_ENCRYPTION_KEY = "" } = authEnvironment(first);
  await fill({ KEY_ENCRYPTION_KEY });
  await backup("backup", first);
  await expect(backup("restore", first)).rejects.toThrow("auth.clients is not empty. Restore into an empty database");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("acme", "evil"));
  await expect(backup("restore", second)).rejects.toThrow("its checksum does not match");
  await writeFile(file, text.slice(0, 100));
  await expect(backup("restore", second)).rejects.toThrow("it is not JSON, or is truncated");
  await rm(file);
  await expect(backup("restore", second)).rejects.toThrow("The backup cannot be read");
});

test("restores a backup from a version without users", async () => {
  await fill({});
  await (await startAuth(testConfig(second, { BOOTSTRAP_CLIENTS: "[]" }))).close();
  const [from, to] = [first, second].map((url) =>
    connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} }),
  );
  try {
    if (from === undefined || to === undefined) throw new Error("two databases");
    const { sha256: _sum, ...made } = await from.transaction((transaction) => backUp(transaction, new Date()));
    const { people: _people, passkeys: _passkeys, clients, ...tables } = made.tables;
    const older = clients.map(({ redirect_uris: _uris, signed_out_uris: _more, ...client }) => client);
    const content = { ...made, tables: { clients: older, ...tables } };
    const sha256 = createHash("sha256").update(JSON.stringify(content)).digest("hex");
    await to.execute("DELETE FROM auth.signing_keys", []);
    const text = JSON.stringify({ ...content, sha256 });
    await expect(to.transaction((transaction) => restore(transaction, parseBackup(text)))).resolves.toBe(2);
  } finally {
    await from?.close();
    await to?.close();
  }
});

test("rejects a backup with a newer schema", async () => {
  await fill({});
  const database = connectDatabase({ url: first, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError: () => {} });
  try {
    const made = await database.transaction((transaction) => backUp(transaction, new Date()));
    const newer = { ...made, migrations: [...made.migrations, { version: 9000, sha256: "of-another-version" }] };
    await expect(database.transaction((transaction) => restore(transaction, newer))).rejects.toThrow(
      "migration 9000, which this version of auth does not",
    );
  } finally {
    await database.close();
  }
});

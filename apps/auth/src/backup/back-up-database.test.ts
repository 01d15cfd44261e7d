import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testStack } from "@tripline/local-stack/testing/stack";
import { connectDatabase } from "@tripline/service-kit/postgres/connect-database";
import { startAuth } from "../start-auth.js";
import { authEnvironment, publishedKeys, requestToken, SHOP_BASIC, testConfig } from "../testing/service.js";
import { backUp, restore } from "./back-up-database.js";

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

async function backup(action: "backup" | "restore", postgresUrl: string): Promise<string> {
  const env = { PATH: process.env.PATH, POSTGRES_URL: postgresUrl, BACKUP_FILE: file, BACKUP_ACTION: action };
  return (await run(process.execPath, [MAIN], { env })).stdout;
}

/** Starts auth on a fresh database and ends it again. */
async function fill(environment: Record<string, string>) {
  const service = await startAuth(testConfig(first, environment));
  const keys = await publishedKeys(service.url);
  await service.close();
  return keys;
}

test("a lost database is restored with its clients and keys", async () => {
  const { KEY_ENCRYPTION_KEY = "" } = authEnvironment(first);
  const keys = await fill({ KEY_ENCRYPTION_KEY });
  expect(await backup("backup", first)).toMatch(/^1 clients and 1 sealed keys are in /);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await backup("restore", second)).toMatch(/^2 rows of .* restored/);
  const service = await startAuth(testConfig(second, { KEY_ENCRYPTION_KEY, BOOTSTRAP_CLIENTS: "[]" }));
  try {
    expect(await publishedKeys(service.url)).toEqual(keys);
    await expect(requestToken(service.url, SHOP_BASIC)).resolves.toMatchObject({ status: 200 });
  } finally {
    await service.close();
  }
});

test("a database in use, a changed backup and a truncated one are refused", async () => {
  const { KEY_ENCRYPTION_KEY = "" } = authEnvironment(first);
  await fill({ KEY_ENCRYPTION_KEY });
  await backup("backup", first);
  await expect(backup("restore", first)).rejects.toThrow("auth.clients is not empty; restore into an empty database");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("acme", "evil"));
  await expect(backup("restore", second)).rejects.toThrow("its checksum does not match");
  await writeFile(file, text.slice(0, 100));
  await expect(backup("restore", second)).rejects.toThrow("it is not JSON, or was cut off");
  await rm(file);
  await expect(backup("restore", second)).rejects.toThrow("The backup cannot be read");
});

test("a backup of a newer schema is refused", async () => {
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

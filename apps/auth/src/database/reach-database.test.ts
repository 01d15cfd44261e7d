import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "@tripline/cloud-identity/testing/certificates";
import type { TestIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { startIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { postgresUser } from "@tripline/local-stack/servers/locate-postgres";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { readConfig } from "@tripline/settings/read-config";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { reachDatabase } from "@tripline/stores/postgres/reach-database";
import { z } from "zod";
import { databaseConfig } from "../config.js";
import { startAuth } from "../start-auth.js";
import { requestToken, SHOP_BASIC, testConfig } from "../testing/service.js";

/** A Postgres with TLS, and a role whose password is the newest token. */

const START_MS_MAX = 120_000;
const QUERY_MS_MAX = 30_000;
const ROLE = "auth@project.iam";
/** New connections request a new token after three quarters of this time. */
const TOKEN_SECONDS = 1;

const connection = z.object({ ssl: z.boolean(), role: z.string(), pid: z.number() });
const WHO = "SELECT ssl, current_user AS role, pid FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

const open: Database[] = [];
let directory: string;
let stack: LocalStack;
let identity: TestIdentityServer;
let admin: Database;
let tokens = 0;
let caFile: string;
let strangerFile: string;
/** The URL without a password. */
let roleUrl: URL;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-secure-postgres-"));
  const server = await makeCertificate("postgres", ["127.0.0.1"]);
  const stranger = await makeCertificate("stranger", ["127.0.0.1"]);
  caFile = join(directory, "server.pem");
  strangerFile = join(directory, "stranger.pem");
  const keyFile = join(directory, "server.key");
  await writeFile(caFile, server.certificate);
  await writeFile(strangerFile, stranger.certificate);
  await writeFile(keyFile, server.key);
  await chmod(keyFile, 0o600);
  const user = postgresUser();
  if (user !== undefined) await chown(keyFile, user.uid, user.gid);
  stack = await startStack({
    directory,
    parts: ["postgres"],
    isDurable: false,
    endOnSignals: false,
    postgresSettings: { ssl: "on", ssl_cert_file: caFile, ssl_key_file: keyFile },
  });
  admin = connectDatabase({
    url: stack.postgresUrl,
    connectionsMax: 1,
    queryTimeoutMs: QUERY_MS_MAX,
    onIdleError() {},
  });
  await admin.execute(`CREATE ROLE "${ROLE}" LOGIN; GRANT ALL ON DATABASE postgres TO "${ROLE}"`);
  roleUrl = new URL(stack.postgresUrl);
  roleUrl.username = encodeURIComponent(ROLE);
  roleUrl.password = "";
  identity = await startIdentityServer(() => ({ text: `token-${tokens}`, seconds: TOKEN_SECONDS }));
}, START_MS_MAX);

/** Issues the next token. From then on, new connections need this token. */
async function nextToken(): Promise<void> {
  tokens += 1;
  await admin.execute(`ALTER ROLE "${ROLE}" PASSWORD 'token-${tokens}'`);
}

afterEach(async () => {
  identity.failWith(undefined);
  await Promise.all(open.splice(0).map((database) => database.close()));
});

afterAll(async () => {
  await Promise.all([admin?.close(), identity?.close()]);
  await stack?.stop();
  await rm(directory, { recursive: true, force: true });
}, START_MS_MAX);

function connectBy(environment: Readonly<Record<string, string>>): Database {
  const address = reachDatabase(readConfig(databaseConfig, environment));
  const options = { connectionsMax: 2, queryTimeoutMs: QUERY_MS_MAX, onIdleError() {} };
  const database = connectDatabase({ ...address, ...options });
  open.push(database);
  return database;
}

const withMode = (url: string, mode: string, host = "127.0.0.1") => {
  const changed = new URL(url);
  changed.hostname = host;
  changed.searchParams.set("sslmode", mode);
  return changed.href;
};

const withTokens = () => ({
  POSTGRES_URL: roleUrl.href,
  POSTGRES_CA_FILE: caFile,
  POSTGRES_AUTH: "gcp-iam",
  ...identity.environment,
});

test.each(["require", "verify-full", "verify-ca"])("uses TLS with sslmode=%s", async (mode) => {
  const database = connectBy({ POSTGRES_URL: withMode(stack.postgresUrl, mode), POSTGRES_CA_FILE: caFile });
  expect(await database.query(connection, WHO)).toMatchObject([{ ssl: true, role: "tripline" }]);
});

test("a CA file enables TLS unless sslmode=disable is set", async () => {
  const secure = connectBy({ POSTGRES_URL: stack.postgresUrl, POSTGRES_CA_FILE: caFile });
  expect(await secure.query(connection, WHO)).toMatchObject([{ ssl: true }]);
  for (const url of [stack.postgresUrl, withMode(stack.postgresUrl, "disable")]) {
    expect(await connectBy({ POSTGRES_URL: url }).query(connection, WHO)).toMatchObject([{ ssl: false }]);
  }
});

test("rejects a server with an untrusted certificate or the wrong name", async () => {
  const url = withMode(stack.postgresUrl, "verify-full");
  const refused = { code: "database-unavailable", message: expect.stringMatching(/certificate|altnames/) };
  for (const environment of [
    { POSTGRES_URL: url, POSTGRES_CA_FILE: "" },
    { POSTGRES_URL: url, POSTGRES_CA_FILE: strangerFile },
    { POSTGRES_URL: withMode(stack.postgresUrl, "verify-full", "localhost"), POSTGRES_CA_FILE: caFile },
  ]) {
    await expect(connectBy(environment).query(connection, WHO)).rejects.toMatchObject(refused);
  }
  const byAuthority = { POSTGRES_URL: withMode(stack.postgresUrl, "verify-ca", "localhost"), POSTGRES_CA_FILE: caFile };
  expect(await connectBy(byAuthority).query(connection, WHO)).toMatchObject([{ ssl: true }]);
});

test("new connections use the current token, and open connections stay open", async () => {
  await nextToken();
  const database = connectBy(withTokens());
  const [first] = await database.query(connection, WHO);
  expect(first).toMatchObject({ ssl: true, role: ROLE });
  await database.transaction(async (transaction) => {
    await nextToken();
    // Needs another connection. The previous token is cached and is therefore rejected until the cache expires.
    let other: z.infer<typeof connection> | undefined;
    for (const endMs = Date.now() + QUERY_MS_MAX; other === undefined && Date.now() < endMs; ) {
      [other] = await database.query(connection, WHO).catch((error: unknown) => {
        const message = expect.stringContaining("rejects this service's identity");
        expect(error).toMatchObject({ code: "database-unavailable", message });
        return [];
      });
    }
    expect(other).toMatchObject({ ssl: true, role: ROLE });
    expect(other?.pid).not.toBe(first?.pid);
    expect(await transaction.query(connection, WHO)).toEqual([first]);
  });
});

test("if there is no token, the error gives the reason", async () => {
  identity.failWith(500);
  await expect(connectBy(withTokens()).query(connection, WHO)).rejects.toMatchObject({
    code: "identity-unavailable",
    message: "Google's metadata server issued no token (HTTP 500): out of order",
  });
});

test("the whole service runs with tokens from another cloud", async () => {
  await nextToken();
  const { POSTGRES_URL: url, ...environment } = withTokens();
  const service = await startAuth(testConfig(url, { ...environment, POSTGRES_AUTH: "azure-entra" }));
  try {
    await expect(requestToken(service.url, SHOP_BASIC)).resolves.toMatchObject({ status: 200 });
  } finally {
    await service.close();
  }
});

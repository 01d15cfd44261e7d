import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { profileColumnTypes } from "@tripline/contracts/profile-tables";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { LocalAuthority } from "@tripline/local-stack/security/local-authority";
import { startTlsFront } from "@tripline/local-stack/security/tls-front";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { rebuildStateCommand } from "./rebuild-state.js";

const GOOD = { "--lake": "/lake", "--kafka": "127.0.0.1:9092", "--redis": "redis://127.0.0.1:6379" };

/** The error message for invalid flags. */
async function refusalOf(flags: Readonly<Record<string, string>>): Promise<string> {
  let said = "";
  const command = rebuildStateCommand()
    .exitOverride()
    .configureOutput({
      writeErr(text) {
        said += text;
      },
    });
  await expect(command.parseAsync(Object.entries(flags).flat(), { from: "user" })).rejects.toThrow();
  return said;
}

test.each([
  [
    "a broker without a port",
    { "--kafka": "localhost" },
    /--kafka <brokers>.* must be a comma-separated list of host:port/,
  ],
  ["an address that is not a Redis URL", { "--redis": "127.0.0.1:6379" }, /--redis <url>.* must start with redis:/],
  ["half a day", { "--ttl-days": "0.5" }, /--ttl-days <days>.* must be a whole number of days from 1/],
  ["a wait that is not a number", { "--wait": "long" }, /--wait <seconds>.* must be a number of seconds/],
  ["half a worker", { "--workers": "0.5" }, /--workers <count>.* must be a whole number from 1 to 64/],
  ["a wait without a value", { "--wait": "" }, /--wait <seconds>.* must be a number of seconds/],
])("rejects %s, and says why in one sentence that names the flag", async (_name, flags, words) => {
  expect(await refusalOf({ ...GOOD, ...flags })).toMatch(words);
});

test.each(Object.keys(GOOD))("reports a missing %s, because all addresses must be given together", async (flag) => {
  const flags = Object.entries(GOOD).filter(([name]) => name !== flag);
  const attempt = rebuildStateCommand().parseAsync(flags.flat(), { from: "user" });
  await expect(attempt).rejects.toThrow(new RegExp(`^${flag} is missing`));
});

test("without addresses and a running system, says where it looked for addresses", async () => {
  const attempt = rebuildStateCommand().parseAsync(["--workspace", "none"], { from: "user" });
  await expect(attempt).rejects.toThrow(/No system is running on this machine: .*none.system\.json does not exist/);
});

/** The tables of one card and one terminal. */
async function writeProfiles(folder: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const tables = { card: "card_token", terminal: "terminal_id" };
  for (const [entity, key] of Object.entries(tables)) {
    const columns = Object.keys(profileColumnTypes(entity)).map((column) => `1 AS ${column}`);
    await connection.run(
      `COPY (SELECT 'one' AS ${key}, TIMESTAMP '2026-01-01' AS event_timestamp, ${columns.join(", ")})
       TO '${join(folder, `${entity}_profile.parquet`)}' (FORMAT parquet)`,
    );
  }
  connection.closeSync();
  instance.closeSync();
}

test("restores profiles for Feast's project, over the services' connection", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tripline-rebuild-"));
  const { kafkaBrokers, topicPrefix, redisUrl } = await testStack();
  const { port: redisPort, pathname } = new URL(redisUrl);
  const authority = await LocalAuthority.make(folder);
  const [port = 0] = await findFreePorts(1);
  await authority.issueWhereNeeded("redis");
  const front = await startTlsFront({ port, serverPort: Number(redisPort), identity: authority.identityOf("redis") });
  const redis = connectRedis(redisUrl, undefined, REDIS_PATIENCE_MS);
  const [environment, exitCode] = [{ ...process.env }, process.exitCode];
  try {
    await writeProfiles(folder);
    const admin = await connectKafka({ brokers: kafkaBrokers, topicPrefix, clientId: "test" }).admin();
    await admin.ensureTopics();
    await admin.close();
    Object.assign(process.env, { FEAST_PROJECT: "payments_eu", REDIS_CA_FILE: authority.file });
    const flags = {
      "--lake": join(folder, "lake"),
      "--kafka": kafkaBrokers.join(","),
      "--topic-prefix": topicPrefix,
      "--redis": `rediss://127.0.0.1:${port}${pathname}`,
      "--profiles": folder,
      "--wait": "0",
    };
    await rebuildStateCommand().parseAsync(Object.entries(flags).flat(), { from: "user" });
    await awaitRedis(redis);
    const rows = (await redis.keys("*")).filter((key) => key.includes("card_token") || key.includes("terminal_id"));
    expect(rows).toEqual([expect.stringMatching(/payments_eu$/), expect.stringMatching(/payments_eu$/)]);
  } finally {
    process.env = environment;
    process.exitCode = exitCode;
    redis.disconnect();
    await front.close();
    await rm(folder, { recursive: true });
  }
});

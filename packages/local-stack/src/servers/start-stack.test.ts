import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { endLeftovers } from "../processes/end-leftovers.js";
import { findFreePorts, isPortFree } from "../processes/find-free-ports.js";
import { identifyProcess } from "../processes/identify-process.js";
import { makeTestDirectory, removeAbandonedTestDirectories } from "../testing/directory.js";
import { createTopic, listTopics } from "../testing/request-topics.js";
import type { LocalStack, PartName, StackStep } from "./start-stack.js";
import { startStack } from "./start-stack.js";
import type { ServerEvent } from "./supervise-server.js";

/** Three times the usual limit, for a test that starts Kafka three times on a possibly busy machine. */
const THREE_STARTS_MS_MAX = 180_000;

let directory: string;
const stacks: LocalStack[] = [];
const processes: ChildProcess[] = [];

beforeEach(() => {
  directory = makeTestDirectory();
});

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop();
  for (const child of processes.splice(0)) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: Partial<Parameters<typeof startStack>[0]>): Promise<LocalStack> {
  const stack = await startStack({ directory, isDurable: false, endOnSignals: false, ...options });
  stacks.push(stack);
  return stack;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function set(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    return await redis.set("key", "value");
  } finally {
    redis.disconnect();
  }
}

async function expectData({ kafkaBrokers, postgresUrl }: LocalStack): Promise<void> {
  expect(await listTopics(kafkaBrokers)).toEqual(["payments"]);
  expect(await query(postgresUrl, "SELECT id FROM payment")).toEqual([{ id: 42 }]);
}

const portOf = (address: string) => Number(address.split(":").at(-1)?.split("/")[0]);

describe("startStack", () => {
  test("regression #24: restarts and reports a server that exits by itself, but not one that was stopped", async () => {
    const events: ServerEvent[] = [];
    const stack = await start({ parts: ["redis", "postgres"], onServer: (event) => events.push(event) });
    const redis = new Redis(stack.redisUrl);
    redis.on("error", () => {});
    const redisPid = Number(/^process_id:(\d+)/m.exec(await redis.info("server"))?.[1]);
    redis.disconnect();
    // Its supervisor process outlives the backend that responds.
    const [file] = (await query(stack.postgresUrl, "SHOW data_directory")) as { data_directory: string }[];
    const postgresPid = Number(readFileSync(`${file?.data_directory}/postmaster.pid`, "utf8").split("\n")[0]);
    for (const pid of [redisPid, postgresPid]) process.kill(pid, "SIGKILL");
    const isBack = () => events.filter(({ kind }) => kind === "restarted").length === 2;
    while (!isBack()) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await set(stack.redisUrl)).toBe("OK");
    expect(await query(stack.postgresUrl, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(events.filter(({ server }) => server === "redis").map(({ sentence }) => sentence)).toEqual([
      "Valkey exited unexpectedly and is being restarted.",
      "Valkey is running again.",
    ]);
    const before = events.length;
    await stack.redis.kill();
    await stack.postgres.stop();
    expect(events).toHaveLength(before);
  });

  test(
    "regression #12: starts all three servers in a directory with any name, which keeps their data and leaves nothing running",
    async () => {
      chmodSync(directory, 0o711);
      const named = `${directory}/a b ä 印 # = : , ! % \\ 'q' $HOME`;
      const localeBefore = process.env.LC_ALL;
      process.env.LC_ALL = "C";
      try {
        const steps: StackStep[] = [];
        const first = await start({ directory: named, onStep: (step) => steps.push(step) });
        const done = steps.filter((step) => step.state === "done");
        expect(done.map((step) => step.name)).toEqual(
          expect.arrayContaining(["Start Kafka", "Start Valkey", "Start Postgres"]),
        );
        for (const step of done) expect(step.durationMs).toBeGreaterThan(0);
        expect(await listTopics(first.kafkaBrokers)).toEqual([]);
        expect(await set(first.redisUrl)).toBe("OK");
        await createTopic(first.kafkaBrokers, "payments");
        await query(first.postgresUrl, "CREATE TABLE payment AS SELECT 42 AS id");

        // After a kill, the restarted servers have the same addresses.
        await Promise.all([first.kafka.kill(), first.postgres.kill()]);
        expect(await isPortFree(portOf(first.kafkaBrokers[0] ?? ""))).toBe(true);
        await Promise.all([first.kafka.start(), first.postgres.start()]);
        await expectData(first);

        const pids = readdirSync(`${named}/run`).map((file) => pidIn(`${named}/run/${file}`));
        expect(pids).toHaveLength(3);
        await first.stop();
        expect(pids.map(identifyProcess)).toEqual([undefined, undefined, undefined]);
        expect(readdirSync(`${named}/run`)).toEqual([]);
        for (const address of [...first.kafkaBrokers, first.redisUrl, new URL(first.postgresUrl).host]) {
          expect(await isPortFree(portOf(address))).toBe(true);
        }

        // In a later run, the servers have other addresses.
        const second = await start({ directory: named, parts: ["kafka", "postgres"] });
        expect(second.kafkaBrokers).not.toEqual(first.kafkaBrokers);
        await expectData(second);
        expect(existsSync(`${named}/kafka/data/payments-0`)).toBe(true);
        expect(existsSync(`${named}/postgres/PG_VERSION`)).toBe(true);
        expect(readdirSync(directory)).toEqual([basename(named)]);
      } finally {
        if (localeBefore === undefined) delete process.env.LC_ALL;
        else process.env.LC_ALL = localeBefore;
      }
    },
    THREE_STARTS_MS_MAX,
  );

  test("starts a part later if it was omitted at first", async () => {
    const stack = await start({ parts: [] });
    await expect(query(stack.postgresUrl, "SELECT 1")).rejects.toThrow(/ECONNREFUSED/);
    await stack.redis.start();
    expect(await set(stack.redisUrl)).toBe("OK");
  });

  test("reports a port in use in one sentence and stops what it had started", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const taken = typeof address === "object" ? (address?.port ?? 0) : 0;
    try {
      await expect(start({ parts: ["redis", "postgres"], ports: { redis: taken } })).rejects.toMatchObject({
        code: "config-invalid",
        message: `Port ${taken}, which Valkey needs, is already in use. Stop the process that uses it, or choose another port.`,
      });
      expect(readdirSync(`${directory}/run`)).toEqual([]);
    } finally {
      server.close();
    }
  });

  test("reports the last log lines and the log's path of a server that exits while starting", async () => {
    const first = await start({ parts: ["postgres"] });
    await first.stop();
    writeFileSync(`${directory}/postgres/postgresql.conf`, "no_such_setting = 1\n");
    await expect(start({ parts: ["postgres"] })).rejects.toThrow(
      /^Postgres exited while starting\. Its log is .*logs\/postgres\.log; its last lines:\n[\s\S]*no_such_setting/,
    );
  });
});

describe("processes that a killed run leaves behind", () => {
  test("are stopped by the next run in the same directory, which then owns it", async () => {
    const { parent, pids } = await runInOtherProcess(["redis", "postgres"]);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    expect(pids.map(identifyProcess)).not.toContain(undefined);

    const stack = await start({ parts: ["redis", "postgres"] });

    expect(pids.map(identifyProcess)).toEqual([undefined, undefined]);
    expect(await query(stack.postgresUrl, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("do not include the servers of a run in progress", async () => {
    const { parent, pids } = await runInOtherProcess(["redis"]);
    await expect(start({ parts: ["redis"] })).rejects.toThrow(`in use by process ${parent.pid}`);
    expect(pids.map(identifyProcess)).not.toContain(undefined);
    await endPolitely(parent, "SIGTERM");
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s stops the servers with their parent", async (signal) => {
    const { parent, pids } = await runInOtherProcess(["redis"]);
    await endPolitely(parent, signal);
    await expectToEnd(pids);
  });

  test("an uncaught error stops the servers with their parent", async () => {
    const { parent, pids } = await runInOtherProcess(
      ["redis"],
      "setTimeout(() => { throw new Error('uncaught'); }, 50);",
    );
    if (parent.exitCode === null) await once(parent, "exit");
    expect(parent.exitCode).toBe(1);
    await expectToEnd(pids);
  });

  test("do not include another process that reuses the pid of an earlier server", async () => {
    const foreign = spawn("sleep", ["60"], { stdio: "ignore" });
    processes.push(foreign);
    const pid = foreign.pid ?? 0;
    mkdirSync(`${directory}/run`);
    const child = { pid, startedAt: "another time" };
    writeFileSync(`${directory}/run/redis.json`, JSON.stringify({ child, owner: child }));

    expect(await endLeftovers(directory)).toEqual([]);

    expect(identifyProcess(pid)).toBeDefined();
    expect(existsSync(`${directory}/run/redis.json`)).toBe(false);
  });
});

describe("removeAbandonedTestDirectories", () => {
  test("stops servers and removes directories of a killed process, but not those of a live one", async () => {
    const script = `
      import { makeTestDirectory } from ${JSON.stringify(new URL("../testing/directory.js", import.meta.url).href)};
      import { startStack } from ${JSON.stringify(new URL("./start-stack.js", import.meta.url).href)};
      const directory = makeTestDirectory();
      await startStack({ directory: directory + "/stack", parts: ["redis"] });
      console.log(directory);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    processes.push(parent);
    const [output] = await once(parent.stdout, "data");
    const abandoned = String(output).trim();
    const pid = pidIn(`${abandoned}/stack/run/redis.json`);

    await removeAbandonedTestDirectories();
    expect(identifyProcess(pid)).toBeDefined();
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await removeAbandonedTestDirectories();

    expect(identifyProcess(pid)).toBeUndefined();
    expect(existsSync(abandoned)).toBe(false);
    expect(existsSync(directory)).toBe(true);
  });
});

describe("findFreePorts", () => {
  test("returns different ports, all free", async () => {
    const ports = await findFreePorts(5);
    expect(new Set(ports).size).toBe(5);
    expect(await Promise.all(ports.map(isPortFree))).toEqual([true, true, true, true, true]);
  });

  test("regression #24: never returns a reserved port", async () => {
    const even = Array.from({ length: 2 ** 15 }, (_, index) => 2 * index);
    const ports = await findFreePorts(40, { reserved: even });
    expect(ports.filter((port) => port % 2 === 0)).toEqual([]);
  });

  test("returns the first of the requested number of consecutive free ports", async () => {
    const [first = 0] = await findFreePorts(1, { width: 17 });
    const ports = Array.from({ length: 17 }, (_, offset) => first + offset);
    expect(await Promise.all(ports.map(isPortFree))).toEqual(ports.map(() => true));
  });
});

/** A stack whose parent is a separate process. */
async function runInOtherProcess(
  parts: PartName[],
  afterwards = "",
): Promise<{ parent: ChildProcess; pids: number[] }> {
  const script = `
    import { startStack } from ${JSON.stringify(new URL("./start-stack.js", import.meta.url).href)};
    await startStack({ directory: ${JSON.stringify(directory)}, parts: ${JSON.stringify(parts)}, isDurable: false });
    console.log("started");
    setInterval(() => {}, 1000);
    ${afterwards}`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  processes.push(parent);
  await once(parent.stdout, "data");
  return { parent, pids: parts.map((name) => pidIn(`${directory}/run/${name}.json`)) };
}

function pidIn(file: string): number {
  return JSON.parse(readFileSync(file, "utf8")).child.pid;
}

async function endPolitely(parent: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  parent.kill(signal);
  await once(parent, "exit");
}

/** They received SIGKILL before their parent ended; the kernel needs a moment to carry it out. */
async function expectToEnd(pids: number[]): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  while (pids.some((pid) => identifyProcess(pid) !== undefined) && Date.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(pids.map(identifyProcess)).toEqual(pids.map(() => undefined));
}

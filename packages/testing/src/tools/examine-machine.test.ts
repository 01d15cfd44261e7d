import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { identifyProcess, identifySelf } from "@tripline/local-stack/processes/identify-process";
import { readPorts } from "@tripline/system/ports.mjs";
import { ROOT } from "@tripline/system/services/workspace";
import { examine } from "../../../../tools/start/doctor.mjs";

const GIGABYTE = 1024 ** 3;
const DOCTOR = fileURLToPath(new URL("../../../../tools/start/doctor.mjs", import.meta.url));

const HELD_MS = 600;

let folder: string;
let servers: Server[];

beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/tripline-doctor-`);
  servers = [];
});

afterEach(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A port on which this process listens. */
async function takePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Running npm and Maven takes a second, so tests that do not need them skip them. */
const notFound = async () => ({ failure: "not found", output: "" });

async function finding(name: string, readings: Parameters<typeof examine>[0]["readings"] = {}) {
  const findings = await examine({ ports: {}, root: ROOT, readings: { ask: notFound, ...readings } });
  return findings.find((one) => one.name === name);
}

describe("examine", () => {
  test("reports nothing on a machine that can run these tests", async () => {
    const findings = await examine({ ports: {}, root: ROOT });
    expect(findings.filter((one) => !one.ok)).toEqual([]);
    expect(findings.map((one) => one.name)).toEqual(
      expect.arrayContaining(["system", "Node", "npm", "Java", "Maven", "Python", "memory", "disk"]),
    );
  });

  test("reports the available and the required memory", async () => {
    expect(await finding("memory", { availableMemoryBytes: () => 2.4 * GIGABYTE })).toEqual({
      name: "memory",
      ok: false,
      detail: "2.4 GB available, 2.5 GB needed",
      fix: "close other programs or give the virtual machine or container more memory",
    });
    expect(await finding("memory", { availableMemoryBytes: () => 2.5 * GIGABYTE })).toMatchObject({ ok: true });
  });

  test("reports the free disk space, its location, and the required space", async () => {
    expect(await finding("disk", { freeDiskBytes: () => 1 * GIGABYTE })).toMatchObject({
      ok: false,
      detail: `1.0 GB free at ${ROOT}, 3.0 GB needed`,
    });
  });

  test.each([
    ["18.20.8", false],
    ["20.0.0", true],
    ["24.21.0", true],
  ])("whether it accepts Node %s: %s", async (nodeVersion, ok) => {
    expect(await finding("Node", { nodeVersion })).toMatchObject({ ok });
  });

  test.each([
    ["linux", "arm64", true, "linux arm64"],
    ["darwin", "arm64", true, "darwin arm64"],
    ["win32", "x64", false, "Tripline does not run on Windows itself"],
    ["linux", "riscv64", false, "Kafka, Valkey and Postgres have no packages for linux riscv64"],
  ])("whether it accepts %s on %s: %s", async (platform, architecture, ok, detail) => {
    expect(await finding("system", { platform, architecture })).toMatchObject({ ok, detail });
  });

  test("names the process that uses a port, and omits free ports", async () => {
    const taken = await takePort();
    const findings = await examine({ ports: { ingestion: taken }, root: ROOT, readings: { ask: notFound } });
    expect(findings.filter((one) => one.name.startsWith("port"))).toEqual([
      {
        name: `port ${taken}`,
        ok: false,
        detail: expect.stringMatching(
          new RegExp(`^port ${taken}, for ingestion, is in use by .+ \\(process ${process.pid}\\)`),
        ),
        fix: expect.stringContaining("TRIPLINE_PORT_BASE"),
      },
    ]);
  });

  test("waits briefly for a port without a visible owner, as at the end of a process", async () => {
    const port = await takePort();
    servers[0]?.on("connection", (socket) => socket.on("error", () => {}));
    const caller = connect(port, "127.0.0.1");
    await once(caller, "connect");
    const source = Number(caller.localPort);
    const examining = examine({ ports: { kafka: source }, root: ROOT, readings: { ask: notFound } });
    setTimeout(() => caller.resetAndDestroy(), HELD_MS);
    const found = (await examining).find((one) => one.name.startsWith("port"));
    expect(found).toMatchObject({ ok: true, detail: expect.stringContaining(String(source)) });
  });

  test("ignores a port used by a server of a killed run, because the next run stops that server", async () => {
    const taken = await takePort();
    mkdirSync(`${folder}/.tripline/demo/stack/run`, { recursive: true });
    const record = (owner: unknown) =>
      writeFileSync(`${folder}/.tripline/demo/stack/run/redis.json`, JSON.stringify({ child: identifySelf(), owner }));

    record({ pid: 2 ** 22 + 1, startedAt: "long ago" });
    const afterKill = await examine({ ports: { redis: taken }, root: folder, readings: { ask: notFound } });
    expect(afterKill.find((one) => one.name.startsWith("port"))).toMatchObject({ ok: true });

    record(identifyProcess(process.ppid));
    const whileRunning = await examine({ ports: { redis: taken }, root: folder, readings: { ask: notFound } });
    expect(whileRunning.find((one) => one.name.startsWith("port"))).toMatchObject({
      ok: false,
      detail: expect.stringContaining("which belongs to a Tripline that is still running"),
    });
  });
});

describe("doctor.mjs", () => {
  test("reports in one sentence that Java is missing and how to fix it, and exits with code 1", () => {
    // Everything that the doctor checks except Java, so that the rest of the report is unchanged.
    symlinkSync(process.execPath, `${folder}/node`);
    const run = spawnSync(process.execPath, [DOCTOR], {
      encoding: "utf8",
      env: { HOME: folder, PATH: folder },
    });
    expect(run.status).toBe(1);
    expect(run.stdout).toMatch(/^ {2}✗ Java does not run \(not found\): install a JDK or JRE 17 or newer .*\.$/m);
    expect(run.stdout).toMatch(/^ {2}✓ Node /m);
  });

  test.each([
    ['openjdk version "11.0.22" 2024-01-16', "Java is version 11.0.22, older than 17: "],
    ['java version "1.8.0_402"', "Java is version 1.8.0_402, older than 17: "],
  ])("reads %s", (output, expected) => {
    writeFileSync(`${folder}/java`, `#!/bin/sh\necho '${output}' >&2\n`, { mode: 0o755 });
    const run = spawnSync(process.execPath, [DOCTOR], { encoding: "utf8", env: { HOME: folder, PATH: folder } });
    expect(run.status).toBe(1);
    expect(run.stdout).toContain(`  ✗ ${expected}`);
  });
});

describe("readPorts", () => {
  test("returns distinct ports, all of which move with TRIPLINE_PORT_BASE", () => {
    const ports = Object.values(readPorts({}));
    expect(new Set(ports).size).toBe(ports.length);
    const moved = Object.values(readPorts({ TRIPLINE_PORT_BASE: "17400" }));
    expect(moved).toEqual(ports.map((port) => port + 10_000));
  });

  test.each(["80", "65530", "many", "7400.5"])("rejects TRIPLINE_PORT_BASE=%s in one sentence", (base) => {
    expect(() => readPorts({ TRIPLINE_PORT_BASE: base })).toThrow(
      `TRIPLINE_PORT_BASE is "${base}"; set it to a whole number from 1024 to 65519.`,
    );
  });
});

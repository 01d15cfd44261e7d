import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import { versionOf } from "../model-manifest.js";
import type { AliasMove, RecordingRegistry } from "../model-registry.js";
import { openRegistry } from "../open-registry.js";
import { publication, temporaryRegistry } from "../testing/publications.js";
import { MOVES_KEPT } from "./alias-history.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const ALIASES = ["champion", "challenger", "shadow"];

/** Publishes models, some of them the same as other writers', and moves aliases; prints a line after each. */
const NODE_WRITER = `
  const [openModule, helpers, url, self, rounds] = process.argv.slice(1);
  const { openRegistry } = await import(openModule);
  const { publication } = await import(helpers);
  const registry = openRegistry(url);
  for (let round = 0; round < Number(rounds); round += 1) {
    for (const text of ["shared " + round, self + " " + round]) {
      const { version } = await registry.publish(publication(text + " " + "m".repeat(50_000)));
      await registry.setAlias("fraud", ${JSON.stringify(ALIASES)}[round % 3], version, { by: self });
      process.stdout.write(version + "\\n");
    }
  }`;

const PYTHON_WRITER = `
import json, sys
from tripline_training.registry import registry
root, own, rounds, publication = registry.registry_root(sys.argv[1]), sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
for round in range(rounds):
    for text in (f"shared {round}", f"{own} {round}"):
        files = {"model.onnx": (text + " " + "m" * 50_000).encode(), "golden.json": publication["golden"].encode()}
        version, _ = registry.publish(root, "fraud", files, publication["manifest"])
        registry.set_alias(root, "fraud", ${JSON.stringify(ALIASES)}[round % 3], version, registry.MoveOptions(by=own))
        print(version, flush=True)
`;

interface Writer {
  readonly child: ChildProcess;
  /** Versions that it reported as published, each of which had an alias. */
  readonly versions: string[];
  /** Its exit code; null if it was killed. */
  readonly ended: Promise<number | null>;
}

function start(command: string, args: readonly string[], environment: Record<string, string> = {}): Writer {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...environment } });
  const versions: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => versions.push(line));
  return { child, versions, ended: once(child, "close").then(([code]) => code) };
}

function nodeWriter(url: string, self: string, rounds: number): Writer {
  const modules = ["../open-registry.js", "../testing/publications.js"].map(
    (name) => new URL(name, import.meta.url).href,
  );
  const args = ["--input-type=module", "-e", NODE_WRITER, ...modules, url, self, String(rounds)];
  return start(process.execPath, args);
}

function pythonWriter(python: string, url: string, self: string, rounds: number): Writer {
  const { manifest, golden } = publication("");
  const facts = JSON.stringify({ manifest, golden: `${JSON.stringify(golden)}\n` });
  return start(python, ["-c", PYTHON_WRITER, url, self, String(rounds), facts], {
    ...keepBytecode(python),
    PYTHONPATH: `${ROOT}/training`,
  });
}

/** Checks a reader's view: complete versions, and aliases that name one. Returns the number of versions. */
async function readAll(registry: RecordingRegistry): Promise<number> {
  let seen = 0;
  for (const version of await registry.versions("fraud")) {
    await registry.resolve("fraud", version);
    seen += 1;
  }
  if (seen === 0) return 0;
  const listed = await registry.list("fraud");
  expect(listed.filter((item) => item.fault !== undefined)).toEqual([]);
  for (const alias of new Set(listed.flatMap((item) => item.aliases))) {
    expect(ALIASES).toContain(alias);
    await registry.resolve("fraud", alias);
  }
  return seen;
}

/** Each move starts where the alias's previous move ended, and the last one ended at its current version. */
async function expectChains(registry: RecordingRegistry, moves: readonly AliasMove[]): Promise<void> {
  for (const alias of ALIASES) {
    const own = moves.filter((move) => move.alias === alias);
    expect(own.slice(1).map((move) => move.from)).toEqual(own.slice(0, -1).map((move) => move.to));
    if (moves.length < MOVES_KEPT) expect(own[0]?.from ?? null).toBeNull();
    if (own.length > 0) expect(await registry.aliasTarget("fraud", alias)).toBe(own.at(-1)?.to);
  }
}

let registry: RecordingRegistry;
let url: string;
let remove: () => Promise<void>;

beforeEach(async () => {
  const made = await temporaryRegistry();
  url = made.url;
  remove = made.remove;
  registry = openRegistry(url);
});

afterEach(() => remove());

test("many processes in Node and Python publish and move aliases concurrently", async () => {
  const requirementsFile = `${ROOT}/training/requirements/training.txt`;
  const { python } = await provisionPython({ name: "training", requirementsFile, root: ROOT });
  const rounds = 8;
  const writers = [
    ...["node-1", "node-2", "node-3"].map((self) => nodeWriter(url, self, rounds)),
    ...["python-1", "python-2"].map((self) => pythonWriter(python, url, self, rounds)),
  ];
  let isWriting = true;
  const ended = Promise.all(writers.map((writer) => writer.ended)).finally(() => {
    isWriting = false;
  });
  let seen = 0;
  while (isWriting) seen += await readAll(registry);
  expect(await ended).toEqual([0, 0, 0, 0, 0]);
  expect(seen).toBeGreaterThan(0);
  // The texts shared by all writers give one version each.
  expect(await registry.versions("fraud")).toHaveLength(rounds * 6);
  expect(await readAll(registry)).toBe(rounds * 6);
  const moves = await registry.history("fraud");
  expect(moves).toHaveLength(rounds * 10);
  await expectChains(registry, moves);
  const ofWriters = writers.flatMap((writer) => writer.versions);
  expect(moves.map((move) => move.to).sort()).toEqual(ofWriters.sort());
});

test("processes killed at any point leave complete versions, and the others continue", async () => {
  const survivor = nodeWriter(url, "survivor", 12);
  const killed: Writer[] = [];
  for (let count = 0; count < 6; count += 1) {
    const writer = nodeWriter(url, `killed-${count}`, 1_000);
    killed.push(writer);
    // After its first version, it is killed at a random point in the following ones.
    await once(writer.child.stdout ?? writer.child, "data");
    for (let turn = 0; turn < count; turn += 1) await readAll(registry);
    writer.child.kill("SIGKILL");
    expect(await writer.ended).toBeNull();
    await readAll(registry);
  }
  expect(await survivor.ended).toBe(0);
  await registry.publish(publication("last"));
  await registry.setAlias("fraud", "champion", versionOf(Buffer.from("last")));
  const versions = await registry.versions("fraud");
  for (const version of [survivor, ...killed].flatMap((writer) => writer.versions)) expect(versions).toContain(version);
  expect(await readAll(registry)).toBe(versions.length);
  await expectChains(registry, await registry.history("fraud"));
});

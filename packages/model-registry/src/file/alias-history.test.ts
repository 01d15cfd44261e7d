import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { AliasMove, RecordingRegistry } from "../model-registry.js";
import { openRegistry } from "../open-registry.js";
import { earlierVersion, rollBackAlias } from "../roll-back-alias.js";
import { publication, refusal, temporaryRegistry } from "../testing/publications.js";
import { AliasHistory, MOVES_KEPT } from "./alias-history.js";

let root: string;
let registry: RecordingRegistry;
let remove: () => Promise<void>;
let one: string;
let two: string;
let three: string;

beforeEach(async () => {
  const made = await temporaryRegistry();
  root = made.root;
  remove = made.remove;
  registry = openRegistry(made.url);
  const published = await Promise.all(["one", "two", "three"].map((text) => registry.publish(publication(text))));
  [one = "", two = "", three = ""] = published.map((item) => item.version);
});

afterEach(() => remove());

const NOON = "2026-01-01T12:00:00Z";

const brief = (moves: readonly AliasMove[]): string[] =>
  moves.map(({ alias, from, to }) => `${alias} ${from ?? "-"} ${to}`);

describe("the alias history", () => {
  test("records who moved what, when, from where, to where and why", async () => {
    const before = Date.now();
    await registry.setAlias("fraud", "champion", one);
    const move = await registry.setAlias("fraud", "champion", two, { by: "ada", why: "better on March" });
    await registry.setAlias("fraud", "shadow", three);
    const moves = await registry.history("fraud");
    expect(brief(moves)).toEqual([`champion - ${one}`, `champion ${one} ${two}`, `shadow - ${three}`]);
    expect(moves[1]).toEqual(move);
    expect(move).toMatchObject({ by: "ada", why: "better on March", is_rollback: false });
    expect(Date.parse(move.at)).toBeGreaterThanOrEqual(before);
    expect(moves[0]?.by).not.toBe("");
  });

  test("compares and sets: only one of several concurrent moves succeeds", async () => {
    await registry.setAlias("fraud", "champion", one);
    const wanted = Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? two : three));
    const results = await Promise.allSettled(
      wanted.map((version) => registry.setAlias("fraud", "champion", version, { expect: one })),
    );
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(new Set(reasons.map((reason) => reason.code))).toEqual(new Set(["state-conflict"]));
    const moves = await registry.history("fraud");
    expect(moves).toHaveLength(2);
    expect(moves[1]?.to).toBe(await registry.aliasTarget("fraud", "champion"));
  });

  test("rejects a move that expects a different version, and reports the current one", async () => {
    expect((await refusal(registry.setAlias("fraud", "champion", one, { expect: two }))).message).toBe(
      `The alias "champion" of model fraud points to no version instead of ${two}: ` +
        "another user moved it. Check the alias, then try again if necessary.",
    );
    await registry.setAlias("fraud", "champion", one, { expect: null });
    expect((await refusal(registry.setAlias("fraud", "champion", two, { expect: null }))).code).toBe("state-conflict");
    expect(await registry.aliasTarget("fraud", "champion")).toBe(one);
    expect(await registry.history("fraud")).toHaveLength(1);
  });

  test("has a bounded size", async () => {
    const directory = join(root, "models", "fraud", "history");
    let current: string | null = null;
    const file = {
      read: () => Promise.resolve(current),
      write: (version: string) => {
        current = version;
        return Promise.resolve();
      },
    };
    const history = new AliasHistory(directory, "fraud");
    for (let count = 0; count < MOVES_KEPT + 3; count += 1) {
      const to = count % 2 === 0 ? one : two;
      const at = new Date(count).toISOString();
      await history.move(file, (from) => ({ alias: "champion", from, to, at, by: "", why: null, is_rollback: false }));
    }
    const moves = await history.moves(file.read);
    expect(moves).toHaveLength(MOVES_KEPT);
    expect(Date.parse(moves.at(-1)?.at ?? "")).toBe(MOVES_KEPT + 2);
    expect(await readdir(directory)).toHaveLength(MOVES_KEPT);
  });

  test("waits for a move in progress", async () => {
    const history = new AliasHistory(join(root, "models", "fraud", "history"), "fraud");
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const steps: string[] = [];
    const slow = history.move(
      {
        read: () => Promise.resolve(null),
        async write() {
          begun.resolve();
          await finish.promise;
          steps.push("first written");
        },
      },
      (from) => ({ alias: "champion", from, to: one, at: NOON, by: "", why: null, is_rollback: false }),
    );
    await begun.promise;
    const other = registry.setAlias("fraud", "champion", two).then(() => steps.push("second moved"));
    // After this many directory reads, the other process has checked several times.
    for (let turn = 0; turn < 20; turn += 1) await readdir(join(root, "models", "fraud", "history"));
    finish.resolve();
    await Promise.all([slow, other]);
    expect(steps).toEqual(["first written", "second moved"]);
  });
});

describe("a process killed during a move", () => {
  /** A process that moves an alias and hangs before or after writing it. */
  async function hangingMove(stage: "before" | "after"): Promise<ChildProcess> {
    const source = `
      const [historyModule, registryModule, root, to, stage] = process.argv.slice(1);
      const { AliasHistory } = await import(historyModule);
      const { writeFile } = await import("node:fs/promises");
      const alias = root + "/models/fraud/aliases/champion";
      const read = () => import("node:fs/promises").then(({ readFile }) => readFile(alias, "utf8")).then((text) => text.trim());
      const write = async (version) => {
        if (stage === "after") await writeFile(alias, version);
        process.stdout.write("hanging\\n");
        await new Promise((resolve) => setInterval(resolve, 1e9, 0).ref());
        await new Promise(() => {});
      };
      await new AliasHistory(root + "/models/fraud/history", "fraud").move({ read, write },
        (from) => ({ alias: "champion", from, to, at: new Date().toISOString(), by: "killed", why: null, is_rollback: false }));`;
    const modules = ["./alias-history.js", "../open-registry.js"].map((name) => new URL(name, import.meta.url).href);
    const args = ["--input-type=module", "-e", source, ...modules, root, two, stage];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(createInterface({ input: child.stdout }), "line");
    return child;
  }

  test.each([
    ["before", false],
    ["after", true],
  ] as const)(
    "does not block others if killed %s the alias was written, and the history records what happened",
    async (stage, moved) => {
      await registry.setAlias("fraud", "champion", one);
      const child = await hangingMove(stage);
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(await registry.aliasTarget("fraud", "champion")).toBe(moved ? two : one);
      const lost = moved ? [`champion ${one} ${two}`] : [];
      expect(brief(await registry.history("fraud"))).toEqual([`champion - ${one}`, ...lost]);
      const next = await registry.setAlias("fraud", "champion", three);
      expect(next.from).toBe(moved ? two : one);
      expect(brief(await registry.history("fraud"))).toEqual([
        `champion - ${one}`,
        ...lost,
        `champion ${next.from} ${three}`,
      ]);
    },
  );
});

describe("rollBackAlias", () => {
  test("returns to the previous version, and then to the one before", async () => {
    for (const version of [one, two, three]) await registry.setAlias("fraud", "champion", version);
    await registry.setAlias("fraud", "shadow", two);
    expect(await rollBackAlias(registry, "fraud", "champion", { by: "ada" })).toMatchObject({
      from: three,
      to: two,
      by: "ada",
      is_rollback: true,
    });
    expect((await rollBackAlias(registry, "fraud", "champion")).to).toBe(one);
    const error = await refusal(rollBackAlias(registry, "fraud", "champion"));
    expect(error.code).toBe("model-not-found");
    expect(error.message).toContain(`points to ${one}, and its history contains no earlier version`);
    await registry.setAlias("fraud", "champion", three);
    expect((await rollBackAlias(registry, "fraud", "champion")).to).toBe(one);
  });

  test("knows the alias's version even if the file was edited manually", async () => {
    await registry.setAlias("fraud", "champion", one);
    await writeFile(join(root, "models", "fraud", "aliases", "champion"), two);
    expect((await rollBackAlias(registry, "fraud", "champion")).to).toBe(one);
  });

  test("does nothing if the alias does not point to the expected version", async () => {
    for (const version of [one, two]) await registry.setAlias("fraud", "champion", version);
    expect((await refusal(rollBackAlias(registry, "fraud", "champion", { expect: one }))).code).toBe("state-conflict");
    expect(await registry.aliasTarget("fraud", "champion")).toBe(two);
  });

  test.each<[string, [string | null, string, boolean?][], string, string | undefined]>([
    ["no history", [], "a", undefined],
    ["a first version", [[null, "a"]], "a", undefined],
    ["a history whose beginning was deleted", [["a", "b"]], "b", "a"],
    [
      "the same version twice",
      [
        [null, "a"],
        ["a", "b"],
        ["b", "b"],
      ],
      "b",
      "a",
    ],
    [
      "a version that became current again",
      [
        [null, "a"],
        ["a", "b"],
        ["b", "a"],
      ],
      "a",
      "b",
    ],
    [
      "a rollback",
      [
        [null, "a"],
        ["a", "b"],
        ["b", "a", true],
      ],
      "a",
      undefined,
    ],
    [
      "a rollback and a new version",
      [
        [null, "a"],
        ["a", "b"],
        ["b", "a", true],
        ["a", "c"],
      ],
      "c",
      "a",
    ],
    [
      "a move outside the registry",
      [
        [null, "a"],
        ["b", "c"],
      ],
      "c",
      "b",
    ],
    [
      "the last move outside the registry",
      [
        [null, "a"],
        ["a", "b"],
      ],
      "c",
      "b",
    ],
  ])("finds the previous version with %s", (_case, steps, current, expected) => {
    const moves = steps.map(
      ([from, to, is_rollback = false]): AliasMove => ({
        alias: "champion",
        from,
        to,
        at: "",
        by: "",
        why: null,
        is_rollback,
      }),
    );
    expect(earlierVersion(moves, current)).toBe(expected);
  });
});

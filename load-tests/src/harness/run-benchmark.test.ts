import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError, Option } from "commander";
import { BenchError } from "./bench-error.js";
import { benchProgram } from "./bench-program.js";
import { clearLeftovers } from "./clear-leftovers.js";
import { ownCpu } from "./cpu-meter.js";
import { readResult } from "./result/result-file.js";
import type { Benchmark } from "./run-benchmark.js";
import { ratioOf } from "./run-contestants.js";

let folder: string;
let printed: string[];
let turns: string[];
let logged: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-bench-test-"));
  [printed, turns, logged] = [[], [], []];
});

afterEach(() => rm(folder, { recursive: true }));

/** Two contestants that sort arrays, one of them twice as long as the other. `turns` lists their calls in order. */
function tinyBenchmark(): Benchmark {
  const contestant = (name: string, size: number) => ({
    name,
    meters: [ownCpu()],
    prepare: async () => void turns.push(`prepare ${name}`),
    run: async () => {
      turns.push(name);
      Array.from({ length: size }, (_, index) => (index * 7_919) % size).sort((left, right) => left - right);
      return { operations: size, figures: { size_bytes: size * 8 } };
    },
  });
  return {
    name: "sorting",
    description: "long beside short",
    options: [new Option("--data <folder>", "the input")],
    line: ["size_ratio", "absent_ratio"],
    parts: [
      {
        name: "sort",
        title: "long beside short",
        async run(context) {
          context.versions.sorter = "1.2.3";
          const contestants = [contestant("short", 100), { ...contestant("long", 200), roundsMax: 2 }];
          const measured = await context.measure(contestants, { roundsDefault: 3, warmUpRounds: 1 });
          return {
            contestants: measured,
            summary: { size_ratio: ratioOf(measured, "size_bytes", "long", "short") },
            notes: ["Nothing to know."],
          };
        },
      },
      {
        name: "missing",
        title: "a missing peer",
        async check({ flags }) {
          if (flags.data === undefined) throw new BenchError("missing needs --data <folder>: say where it is.");
        },
        run: async () => ({ contestants: [], summary: {} }),
      },
      {
        name: "aside",
        title: "printed on its own line",
        line: ["size_ratio"],
        run: async () => ({ contestants: [], summary: { size_ratio: [7] } }),
      },
    ],
  };
}

async function bench(...args: string[]): Promise<void> {
  const environment = {
    root: folder,
    results: join(folder, "results"),
    print: (text: string) => void printed.push(...text.split("\n")),
    log: (line: string) => void logged.push(line),
  };
  const [first, second] = [tinyBenchmark(), tinyBenchmark()];
  const program = benchProgram([first, { ...second, name: "again", parts: second.parts.slice(0, 1) }], environment);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} });
  await program.parseAsync(args, { from: "user" });
}

async function resultFile(): Promise<string> {
  const files = await readdir(join(folder, "results"));
  return join(folder, "results", files.find((file) => file.endsWith(".json")) ?? "");
}

test("reports in one line that nothing can be measured, and runs no part", async () => {
  const absent = { ...tinyBenchmark(), absent: async () => "sorting: nothing is measured, since there is no GPU." };
  const environment = {
    root: folder,
    results: folder,
    print: (text: string) => printed.push(text),
    log: () => undefined,
  };
  await benchProgram([absent], environment).exitOverride().parseAsync(["sorting"], { from: "user" });
  expect(printed).toEqual(["sorting: nothing is measured, since there is no GPU."]);
  expect(turns).toEqual([]);
});

test("a part can print its own line at the end, with the same figure names", async () => {
  await bench("sorting", "--only", "sort,aside");
  expect(printed.slice(-2)).toEqual(["sorting: size_ratio=2.00 absent_ratio=n/a", "aside: size_ratio=7.00"]);
  await bench("sorting", "--only", "aside");
  expect(printed.at(-2)).toMatch(/^result: /);
  expect(printed.at(-1)).toBe("aside: size_ratio=7.00");
});

test("contestants take turns after an unmeasured round", async () => {
  await bench("sorting", "--only", "sort");
  expect(turns.filter((turn) => !turn.startsWith("prepare"))).toEqual([
    "short",
    ...["short", "long", "short", "long"],
    "short",
  ]);
  expect(turns.slice(0, 2)).toEqual(["prepare short", "short"]);
  const { parts } = await readResult(await resultFile());
  expect(parts[0]?.contestants.map(({ name, rounds }) => [name, rounds])).toEqual([
    ["short", 3],
    ["long", 2],
  ]);
});

test("the result contains what ran, where, when, and every round", async () => {
  await bench("sorting", "--only", "sort", "--rounds", "2");
  const path = await resultFile();
  expect(path).toMatch(/sorting-\d{8}T\d{6}Z\.json$/);
  const result = await readResult(path);
  expect(result).toMatchObject({ name: "sorting", commit: "unknown" });
  expect(result.machine.cores).toBeGreaterThan(0);
  expect(result.versions).toEqual({ node: process.version, sorter: "1.2.3" });
  const figures = result.parts[0]?.contestants[1]?.figures ?? {};
  expect(Object.keys(figures)).toEqual(["ops_per_s", "size_bytes", "wall_ms", "cpu_ms", "cpu_us_per_op"]);
  expect(figures.size_bytes).toEqual({ median: 1_600, low: 1_600, high: 1_600, values: [1_600, 1_600] });
  const [wallMs = 0, rate = 0] = [figures.wall_ms?.values[0], figures.ops_per_s?.values[0]];
  expect((rate * wallMs) / 1_000).toBeCloseTo(200, 6);
});

test("each part prints a table, and the run ends with one line", async () => {
  await bench("sorting", "--only", "sort");
  expect(printed).toContain("### sort: long beside short");
  expect(printed).toContain("| median (lowest–highest) | short (3×) | long (2×) |");
  expect(printed).toContain("| size_bytes | 800 | 1600 |");
  expect(printed).toContain("| size_ratio | 2.00 |");
  expect(printed).toContain("- Nothing to know.");
  expect(printed.at(-1)).toBe("sorting: size_ratio=2.00 absent_ratio=n/a");
});

test("the result's page plots every contestant", async () => {
  await bench("sorting", "--only", "sort");
  const page = await readFile((await resultFile()).replace(/json$/, "html"), "utf8");
  expect(page.match(/\w+(?=\)<\/figcaption>)/g)).toEqual(["ops_per_s", "cpu_us_per_op"]);
  for (const name of ["short", "long"]) expect(page.match(new RegExp(`>${name}(: [^<]+)?<`, "g"))).toHaveLength(4);
});

test("compares a run with an earlier one", async () => {
  await bench("sorting", "--only", "sort");
  const path = join(folder, "old.json");
  const text = await readFile(await resultFile(), "utf8");
  await writeFile(path, text.replaceAll("1600", "3200"));
  printed = [];
  await bench("sorting", "--only", "sort", "--compare", path);
  expect(printed).toContain("| sort / long / size_bytes | 3200 | 1600 | 2.00 |");
  expect(printed).toContain("| sort / short / size_bytes | 800 | 800 | 1.00 |");
  expect(printed.at(-1)).toBe("sorting: size_ratio=2.00 absent_ratio=n/a");
});

test("runs all benchmarks in turn if none is named, and lists the failed ones", async () => {
  await expect(bench("--rounds", "1")).rejects.toThrow("These benchmarks did not finish (see above): sorting.");
  expect(logged).toContain("sorting: missing needs --data <folder>: say where it is.");
  expect(printed.at(-1)).toBe("again: size_ratio=2.00 absent_ratio=n/a");
});

test("an earlier result determines what runs again if no benchmark is named", async () => {
  await bench("again", "--rounds", "1");
  const path = join(folder, "old.json");
  await writeFile(path, await readFile(await resultFile()));
  printed = [];
  await bench("--compare", path, "--rounds", "1");
  expect(printed).toContain("| sort / long / size_bytes | 1600 | 1600 | 1.00 |");
  expect(printed.at(-1)).toBe("again: size_ratio=2.00 absent_ratio=n/a");
  await writeFile(path, (await readFile(path, "utf8")).replace('"again"', '"bogus"'));
  await expect(bench("--compare", path)).rejects.toThrow(/old\.json is a result of bogus, which is not a benchmark\.$/);
});

test("reports a missing requirement before anything runs", async () => {
  await expect(bench("sorting")).rejects.toThrow(/^missing needs --data <folder>: say where it is\.$/);
  expect(turns).toEqual([]);
  expect(printed).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  [["--only", "sort,bogus"], /^--only: sorting has no part "bogus"; its parts are sort, missing, aside\.$/],
  [["--compare", "nowhere.json"], /^nowhere\.json cannot be read/],
  [["--rounds", "0"], CommanderError],
  [["--rounds", "two"], CommanderError],
])("rejects %j", async (args, expected) => {
  await expect(bench("sorting", ...args)).rejects.toThrow(expected);
  expect(turns).toEqual([]);
});

test("removes what a killed run left behind, but not what a live run uses", async () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  const folders = [dead, process.pid].map((pid) => join(folder, "results", `run-${pid}`));
  for (const left of folders) await mkdir(left, { recursive: true });
  await clearLeftovers(join(folder, "results"));
  expect(await readdir(join(folder, "results"))).toEqual([`run-${process.pid}`]);
});

test.each([
  ["no json", /is not the result of a benchmark \(it is not JSON\)/],
  ['{"format":2}', /is not the result of a benchmark \(format: /],
])("rejects %j as an earlier result", async (text, expected) => {
  const path = join(folder, "old.json");
  await writeFile(path, text);
  await expect(bench("sorting", "--compare", path)).rejects.toThrow(expected);
});

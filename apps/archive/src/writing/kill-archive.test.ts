import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { TOPICS } from "@tripline/contracts/topics";
import { TestBench, until } from "../testing/bench.js";
import { ChildArchive } from "../testing/child.js";
import { DAY_MS, transactionOf, vectorOf, vectorRecord } from "../testing/records.js";
import { ARCHIVE_GROUP } from "./topic-archives.js";

const { features } = TOPICS;
const ROWS = 300;
const IS_LONG = process.env.LONG_TESTS === "all";

/** A test bench with services in separate processes. */
class KillBench {
  readonly #children: ChildArchive[] = [];
  #next = 0;

  private constructor(readonly bench: TestBench) {}

  static async open(): Promise<KillBench> {
    return new KillBench(await TestBench.open());
  }

  start(killAt: readonly string[] = [], change: Readonly<Record<string, string>> = {}): ChildArchive {
    // Without the cache, each of these processes would compile all modules.
    const { NODE_COMPILE_CACHE = "" } = process.env;
    const child = ChildArchive.start(this.bench.environment({ NODE_COMPILE_CACHE, ...change }), killAt);
    this.#children.push(child);
    return child;
  }

  /** Sends payments of three days, with consecutive ids. */
  async produce(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, () => this.#next++);
    await this.bench.send(
      numbers.map((number) => {
        const occurredAtMs = Date.UTC(2024, 1, 28, 12) + (number % 3) * DAY_MS;
        return vectorRecord(vectorOf(number, { transaction: transactionOf(number, { occurredAtMs }) }));
      }),
    );
  }

  /** Waits until every record of the topic is archived, and checks that each has exactly one row. */
  async expectEachOnce(): Promise<void> {
    await this.bench.untilArchived(features.name);
    const rows = await this.bench.rows(features.name);
    const places = rows.map(({ kafka_partition, kafka_offset }) => `${kafka_partition}@${kafka_offset}`);
    const ends = [...(await this.bench.admin.endOffsets(features.name))];
    const expected = ends.flatMap(([partition, end]) => Array.from({ length: end }, (_, at) => `${partition}@${at}`));
    expect(places.sort()).toEqual(expected.sort());
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    await this.bench.close();
  }
}

const opened: KillBench[] = [];

async function openBenches(count: number): Promise<readonly KillBench[]> {
  opened.push(...(await Promise.all(Array.from({ length: count }, () => KillBench.open()))));
  return opened;
}

afterEach(() => Promise.all(opened.splice(0).map((bench) => bench.close())));

const FOLDER = `/${features.name}/`;

/** A description, and the arguments that make the process kill itself at this point. */
type Point = readonly [string, string, string, string, string];

/** Nightly runs kill more often, also at these points, which differ from others only by what is already durable. */
const MORE_POINTS: readonly Point[] = [
  ["all files are staged, but the last one is not durable yet", "sync", "-2024-03-01.staged", "1", "before"],
  ["before the entry is written", "writeFile", ".entry", "1", "before"],
  ["before the entry gets its number", "linkNew", `${FOLDER}_log`, "1", "before"],
];

// All rows belong to `features`. A flush stages three files, writes the entry, links it, moves the files, syncs and
// sweeps.
const POINTS: readonly Point[] = [
  ["a file is staged", "sync", "-2024-02-28.staged", "1", "after"],
  ["after the entry is written", "writeFile", ".entry", "1", "after"],
  ["after the entry got its number", "linkNew", `${FOLDER}_log`, "1", "after"],
  ["after one file was moved to its day", "move", FOLDER, "1", "after"],
  ["after all files were moved, before they are durable there", "move", FOLDER, "3", "after"],
  // The first listing of the folder happens at startup.
  ["before the offsets are committed", "list", `${FOLDER}_staging`, "2", "after"],
  ...(IS_LONG ? MORE_POINTS : []),
];

// A killed member keeps its partitions until its session expires, so several tests run in parallel.
test("survives SIGKILL at any marked point without losing or duplicating rows", async () => {
  const killed: string[] = [];
  const benches = await openBenches(3);
  await Promise.all(
    benches.map(async (bench, lane) => {
      for (const [name, ...killAt] of POINTS.filter((_, index) => index % benches.length === lane)) {
        await bench.produce(ROWS);
        if ((await bench.start(killAt).ended) === "SIGKILL") killed.push(name);
      }
      await bench.produce(ROWS);
      bench.start();
      await bench.expectEachOnce();
      // The next flush removes everything that the killed process had staged.
      await bench.produce(ROWS);
      await bench.expectEachOnce();
      const topic = join(bench.bench.lake, features.name);
      await until("nothing is staged", async () => (await readdir(join(topic, "_staging"))).length === 0);
      const days = ["day=2024-02-28", "day=2024-02-29", "day=2024-03-01"];
      expect((await readdir(topic)).sort()).toEqual(["_log", "_staging", ...days]);
    }),
  );
  expect(killed.sort()).toEqual(POINTS.map(([name]) => name).sort());
}, 600_000);

test("survives SIGKILL after commits under load without losing or duplicating rows", async () => {
  const benches = await openBenches(IS_LONG ? 2 : 1);
  await Promise.all(
    benches.map(async (bench) => {
      const committed = () => bench.bench.admin.committedOffsets(ARCHIVE_GROUP, features.name);
      const sum = async () => [...(await committed()).values()].reduce((a, b) => a + b, 0);
      for (let kill = 0; kill < 2; kill += 1) {
        const before = await sum();
        const child = bench.start([], { FLUSH_AGE_MS: "50", FLUSH_ROWS_MAX: "100" });
        await until("offsets were committed", async () => {
          await bench.produce(50);
          return (await sum()) > before;
        });
        child.signal("SIGKILL");
        expect(await child.ended).toBe("SIGKILL");
      }
      bench.start();
      await bench.expectEachOnce();
    }),
  );
}, 600_000);

test("an instance that was frozen while another took over its partitions does not write rows again when it resumes", async () => {
  const [bench] = await openBenches(1);
  if (bench === undefined) throw new Error("There is no bench.");
  // Buffers all records, and writes them only when it stops.
  const frozen = bench.start([], { FLUSH_AGE_MS: "3600000" });
  await bench.produce(ROWS);
  await until("it holds everything", async () => (await frozen.metric("tripline_archive_held ")) === ROWS);
  frozen.signal("SIGSTOP");
  bench.start();
  await bench.expectEachOnce();
  await bench.produce(ROWS);
  await bench.expectEachOnce();
  frozen.signal("SIGCONT");
  frozen.signal("SIGTERM");
  expect(await frozen.ended).toBeNull();
  await bench.expectEachOnce();
}, 600_000);

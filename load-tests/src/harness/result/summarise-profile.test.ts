import type { CpuProfile } from "./summarise-profile.js";
import { monotonicUs, printProfile, profileThisProcess, summariseProfile } from "./summarise-profile.js";

const frame = (id: number, functionName: string, url: string) => ({
  id,
  callFrame: { functionName, url, lineNumber: 1 },
});

const profile: CpuProfile = {
  nodes: [
    frame(1, "(root)", ""),
    frame(2, "(idle)", ""),
    frame(3, "(garbage collector)", ""),
    frame(4, "writev", ""),
    frame(5, "fold", "file:///home/me/packages/feature-engine/dist/fold.js"),
    frame(6, "", "file:///home/me/node_modules/.pnpm/ioredis@6.0.0/node_modules/ioredis/built/Redis.js"),
    frame(7, "read", "file:///home/me/node_modules/.pnpm/@a+b@1.0.0/node_modules/@a/b/index.js"),
    frame(8, "emit", "node:internal/streams/readable"),
    frame(9, "fold", "file:///home/me/packages/feature-engine/dist/other.js"),
    frame(10, "run", "file:///home/me/load-tests/dist/main.js"),
    frame(11, "post", "node:inspector"),
  ],
  samples: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  timeDeltas: [5, 900, 100, 200, 300, 100, 50, 50, 100, 100, 800],
};

test("attributes time to the package whose own code ran, and ignores waiting", () => {
  const { busyMs, rooms, functions } = summariseProfile(profile);
  expect(busyMs).toBe(1);
  expect(rooms).toEqual([
    { name: "packages/feature-engine", share: 0.4 },
    { name: "node itself", share: 0.2 },
    { name: "(garbage collector)", share: 0.1 },
    { name: "ioredis", share: 0.1 },
    { name: "load-tests", share: 0.1 },
    { name: "@a/b", share: 0.05 },
    { name: "node:streams", share: 0.05 },
  ]);
  expect(functions.slice(0, 2)).toEqual([
    { name: "fold · packages/feature-engine", share: 0.4 },
    { name: "writev", share: 0.2 },
  ]);
  expect(functions).toContainEqual({ name: "(anonymous) · ioredis", share: 0.1 });
});

test("a time range excludes what came before and after it", () => {
  // The collector, writev and fold end 1,005, 1,205 and 1,505 µs after the start.
  const stretch = { fromUs: 7_000 + 950, toUs: 7_000 + 1_300 };
  const { busyMs, rooms } = summariseProfile({ ...profile, startTime: 7_000 }, [stretch, { fromUs: 0, toUs: 1 }]);
  expect(busyMs).toBe(0.3);
  expect(rooms.map(({ name }) => name)).toEqual(["node itself", "(garbage collector)"]);
});

test("prints the summary as two Markdown tables", () => {
  const lines = printProfile("service", summariseProfile(profile)).split("\n");
  expect(lines.slice(0, 5)).toEqual([
    "### profile of service: 1 ms busy",
    "",
    "| where | own time |",
    "| --- | ---: |",
    "| packages/feature-engine | 40.0 % |",
  ]);
});

test("finds this process's work in its profile by the process's own clock", async () => {
  const running = await profileThisProcess();
  const fromUs = monotonicUs();
  burnCpu(300_000);
  const stretch = { fromUs, toUs: monotonicUs() };
  const { functions } = summariseProfile(await running.stop(), [stretch]);
  expect(functions.map(({ name }) => name.split(" ")[0])).toContain("burnCpu");
});

function burnCpu(us: number): number {
  const start = process.cpuUsage();
  let sum = 0;
  while (process.cpuUsage(start).user + process.cpuUsage(start).system < us) {
    for (let index = 0; index < 100_000; index += 1) sum += index % 7;
  }
  return sum;
}

import { FairQueue } from "./fair-queue.js";

/** Work that ends on request; `started` lists its names. */
function workOf(queue: FairQueue) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    started,
    begin: (tenant: string, name: string) =>
      queue.run(tenant, () => {
        started.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      }),
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      await new Promise(setImmediate);
    },
  };
}

test("reserves a place for other tenants, and alternates among tenants", async () => {
  const work = workOf(new FairQueue(2, 1_000));
  const loud = ["a1", "a2", "a3"].map((name) => work.begin("a", name));
  const quiet = ["b1", "b2"].map((name) => work.begin("b", name));
  const late = work.begin("c", "c1");
  await new Promise(setImmediate);
  expect(work.started).toEqual(["a1", "b1"]);
  await work.end("a1");
  expect(work.started).toEqual(["a1", "b1", "a2"]);
  await work.end("a2");
  expect(work.started).toEqual(["a1", "b1", "a2", "c1"]);
  for (const name of ["c1", "b1", "a3", "b2"]) await work.end(name);
  await Promise.all([...loud, ...quiet, late]);
  expect(work.started).toEqual(["a1", "b1", "a2", "c1", "a3", "b2"]);
});

test("limits waiting work per tenant, and still admits another tenant", async () => {
  const work = workOf(new FairQueue(2, 1_000));
  const all = Array.from({ length: 9 }, (_, index) => work.begin("a", `a${index}`));
  await expect(work.begin("a", "one too many")).rejects.toMatchObject({ code: "policy-checks-busy" });
  const other = work.begin("b", "b");
  expect(work.started).toEqual(["a0", "b"]);
  for (let index = 0; index < 9; index += 1) await work.end(`a${index}`);
  await work.end("b");
  await Promise.all([...all, other]);
});

test("rejects work that waits too long, and never runs it", async () => {
  const queue = new FairQueue(1, 20);
  const work = workOf(queue);
  const first = work.begin("a", "first");
  await expect(work.begin("b", "second")).rejects.toMatchObject({ code: "policy-checks-busy" });
  expect(queue.waiting).toBe(0);
  await work.end("first");
  await first;
  expect(work.started).toEqual(["first"]);
});

test("frees the place of work that throws", async () => {
  const queue = new FairQueue(1, 1_000);
  await expect(queue.run("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(queue.run("a", async () => 1)).resolves.toBe(1);
});

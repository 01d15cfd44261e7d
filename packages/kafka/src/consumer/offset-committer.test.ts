import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { PartitionOffset } from "./offset-committer.js";
import { OffsetCommitter } from "./offset-committer.js";

function stage(fail: (tries: number) => Error | undefined = () => undefined, pauseMs = 1) {
  const commits: string[][] = [];
  const gaveUp: unknown[] = [];
  const abort = new AbortController();
  const gate = new EventTarget();
  let isHeld = false;
  const connection = { isUp: true };
  const steps = {
    isConnected: () => connection.isUp,
    backoff: { firstMs: 1, maxMs: 1 },
    pauseMs,
    async commit(offsets: readonly PartitionOffset[]) {
      commits.push(offsets.map(({ topic, partition, offset }) => `${topic}/${partition}@${offset}`));
      if (isHeld) await once(gate, "open");
      const error = fail(commits.length);
      if (error !== undefined) throw error;
    },
    giveUp: (error: unknown) => void gaveUp.push(error),
    log: () => {},
  };
  const hold = () => {
    isHeld = true;
  };
  const open = () => {
    isHeld = false;
    gate.dispatchEvent(new Event("open"));
  };
  return { committer: new OffsetCommitter(steps, abort.signal), commits, gaveUp, abort, hold, open, connection };
}

const at = (partition: number, offset: number): PartitionOffset => ({ topic: "t", partition, offset });

test("commits the first offset immediately, and then the newest offsets of all partitions together", async () => {
  const { committer, commits, hold, open } = stage();
  hold();
  committer.mark(at(0, 5));
  expect(commits).toEqual([["t/0@5"]]);
  committer.mark(at(0, 6));
  committer.mark(at(1, 3));
  committer.mark(at(0, 9));
  open();
  await committer.idle();
  expect(commits).toEqual([["t/0@5"], ["t/0@9", "t/1@3"]]);
});

test.each([...Array(8).keys()])("commits an offset that is marked %i turns after a commit", async (turns) => {
  const { committer, commits, hold, open } = stage();
  await committer.idle();
  hold();
  committer.mark(at(0, 5));
  open();
  for (let turn = 0; turn < turns; turn += 1) await undefined;
  committer.mark(at(0, 6));
  await committer.idle();
  expect(commits).toEqual([["t/0@5"], ["t/0@6"]]);
});

test("retries a failed commit", async () => {
  const { committer, commits, gaveUp } = stage((tries) => (tries < 3 ? new Error("connection lost") : undefined));
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toEqual([["t/0@5"], ["t/0@5"], ["t/0@5"]]);
  expect(gaveUp).toEqual([]);
});

test("gives up a commit after ten failures", async () => {
  const { committer, commits, gaveUp } = stage(() => new Error("refused"));
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toHaveLength(10);
  expect(gaveUp).toHaveLength(1);
});

test("does not give up a commit while Kafka is unavailable", async () => {
  const { committer, commits, gaveUp, connection } = stage((tries) => {
    connection.isUp = tries >= 30;
    return connection.isUp ? undefined : new Error("connection lost");
  });
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toHaveLength(30);
  expect(gaveUp).toEqual([]);
});

test("does not retry the commit of a replaced member", async () => {
  const { committer, commits, gaveUp } = stage(() => Object.assign(new Error("old"), { apiId: "ILLEGAL_GENERATION" }));
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toHaveLength(1);
  expect(gaveUp).toEqual([]);
});

test("commits nothing after the assignment has ended", async () => {
  const { committer, commits, hold, open, abort } = stage();
  hold();
  committer.mark(at(0, 5));
  committer.mark(at(0, 6));
  abort.abort();
  committer.mark(at(0, 7));
  open();
  await committer.idle();
  expect(commits).toEqual([["t/0@5"]]);
});

test("pauses after a commit, until the consumer closes", async () => {
  const { committer, commits } = stage(() => undefined, 3_600_000);
  committer.mark(at(0, 5));
  await nextTurn();
  committer.mark(at(0, 6));
  committer.mark(at(0, 7));
  await nextTurn();
  expect(commits).toEqual([["t/0@5"]]);
  await committer.idle();
  expect(commits).toEqual([["t/0@5"], ["t/0@7"]]);
});

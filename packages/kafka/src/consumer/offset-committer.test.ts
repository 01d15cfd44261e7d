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

test("an offset is committed at once; offsets that arrive meanwhile are committed together, the newest of each partition", async () => {
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

test.each([...Array(8).keys()])(
  "an offset that is marked %i turns after a commit is not left behind",
  async (turns) => {
    const { committer, commits, hold, open } = stage();
    await committer.idle();
    hold();
    committer.mark(at(0, 5));
    open();
    for (let turn = 0; turn < turns; turn += 1) await undefined;
    committer.mark(at(0, 6));
    await committer.idle();
    expect(commits).toEqual([["t/0@5"], ["t/0@6"]]);
  },
);

test("a commit that fails is retried", async () => {
  const { committer, commits, gaveUp } = stage((tries) => (tries < 3 ? new Error("connection lost") : undefined));
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toEqual([["t/0@5"], ["t/0@5"], ["t/0@5"]]);
  expect(gaveUp).toEqual([]);
});

test("a commit that always fails is given up after ten tries", async () => {
  const { committer, commits, gaveUp } = stage(() => new Error("refused"));
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toHaveLength(10);
  expect(gaveUp).toHaveLength(1);
});

test("a commit is not given up while Kafka is unavailable", async () => {
  const { committer, commits, gaveUp, connection } = stage((tries) => {
    connection.isUp = tries >= 30;
    return connection.isUp ? undefined : new Error("connection lost");
  });
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toHaveLength(30);
  expect(gaveUp).toEqual([]);
});

test("a member that was replaced does not retry its commit", async () => {
  const { committer, commits, gaveUp } = stage(() => Object.assign(new Error("old"), { type: "ILLEGAL_GENERATION" }));
  committer.mark(at(0, 5));
  await committer.idle();
  expect(commits).toHaveLength(1);
  expect(gaveUp).toEqual([]);
});

test("after the assignment has ended nothing is committed", async () => {
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

test("after a commit there is a pause, which ends when the consumer closes", async () => {
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

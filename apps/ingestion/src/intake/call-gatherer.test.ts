import { setImmediate as nextTurn } from "node:timers/promises";
import { CLUSTER_GROUPS, CLUSTER_TAGS } from "@tripline/contracts/key-groups";
import { CallGatherer, GroupGatherer } from "./call-gatherer.js";

function stage(itemsMax: number, fail = false) {
  const calls: number[][] = [];
  const gatherer = new CallGatherer<number, string>(async (items) => {
    calls.push([...items]);
    if (fail) throw new Error("refused");
    return items.map((item) => `answer ${item}`);
  }, itemsMax);
  return { calls, gatherer };
}

test("requests of one event-loop turn share one call, and each gets its own result", async () => {
  const { calls, gatherer } = stage(10);
  const answers = await Promise.all([gatherer.request([1, 2]), gatherer.request([]), gatherer.request([3])]);
  expect(answers).toEqual([["answer 1", "answer 2"], [], ["answer 3"]]);
  expect(calls).toEqual([[1, 2, 3]]);
  await gatherer.request([4]);
  expect(calls).toEqual([[1, 2, 3], [4]]);
});

test("no call exceeds the limit", async () => {
  const { calls, gatherer } = stage(3);
  const numbers = Array.from({ length: 8 }, (_, index) => index);
  const [many, few] = await Promise.all([gatherer.request(numbers), gatherer.request([100, 101])]);
  expect(many).toEqual(numbers.map((number) => `answer ${number}`));
  expect(few).toEqual(["answer 100", "answer 101"]);
  expect(Math.max(...calls.map((items) => items.length))).toBe(3);
  expect(calls.flat().toSorted((a, b) => a - b)).toEqual([...numbers, 100, 101]);
});

test("a failed call fails only the requests in it", async () => {
  const { gatherer } = stage(10, true);
  const outcomes = await Promise.allSettled([gatherer.request([1]), gatherer.request([2])]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(gatherer.request([3])).rejects.toThrow("refused");
});

afterEach(() => jest.useRealTimers());

test("non-urgent requests wait for others, and come before urgent ones in the call", async () => {
  // On a busy machine, two event-loop turns can take longer than the wait.
  jest.useFakeTimers({ doNotFake: ["setImmediate", "clearImmediate", "nextTick", "queueMicrotask"] });
  const { calls, gatherer } = stage(10);
  const patient = [gatherer.request([1], false), gatherer.request([2], false)];
  await nextTurn();
  await nextTurn();
  expect(calls).toEqual([]);
  await gatherer.request([3]);
  expect(await Promise.all(patient)).toEqual([["answer 1"], ["answer 2"]]);
  const alone = gatherer.request([4], false);
  jest.runOnlyPendingTimers();
  expect(await alone).toEqual(["answer 4"]);
  expect(calls).toEqual([[1, 2, 3], [4]]);
});

test("regression #33: a group that fails or hangs affects only the requests with its items", async () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `txn_${index}`);
  const [lost = "", stuck = "", ...healthy] = CLUSTER_TAGS;
  const idsOf = (tag: string) => ids.filter((id) => CLUSTER_GROUPS.tagOf(id) === tag);
  const calls: string[][] = [];
  const gatherer = new GroupGatherer<string, string>(
    CLUSTER_GROUPS,
    (id) => id,
    async (items) => {
      calls.push([...items]);
      const tags = new Set(items.map(CLUSTER_GROUPS.tagOf));
      if (tags.has(lost)) throw new Error("the master is unavailable");
      if (tags.has(stuck)) return new Promise<never>(() => {});
      return items.map((id) => `answer ${id}`);
    },
    10,
  );
  const fine = healthy.flatMap((tag) => idsOf(tag).slice(0, 3));
  const [failing = ""] = idsOf(lost);
  void gatherer.request(idsOf(stuck).slice(0, 1));
  const answers = fine.map((id) => gatherer.request([id]));
  const mixed = gatherer.request([fine[0] ?? "", failing]);
  await expect(mixed).rejects.toThrow("the master is unavailable");
  expect((await Promise.all(answers)).flat()).toEqual(fine.map((id) => `answer ${id}`));
  expect(await gatherer.request(fine)).toEqual(fine.map((id) => `answer ${id}`));
  // At first and at last, one call for each group.
  expect(calls).toHaveLength(CLUSTER_TAGS.length + healthy.length);
});

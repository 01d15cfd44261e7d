import { STORE_OPTIONS, useRedis } from "../testing/instance.js";
import { StateCompleteness } from "./state-completeness.js";
import { StateStore } from "./state-store.js";

const { connect } = useRedis();

/** Two instances that start simultaneously; `commit` runs when the first one has counted. */
async function startTwo() {
  let committed = false;
  const admin = { committedOffsets: async () => new Map(committed ? [[0, 1]] : []) };
  const store = new StateStore(await connect(), STORE_OPTIONS);
  const [one, two] = [new StateCompleteness(admin, store), new StateCompleteness(admin, store)];
  const commit = () => {
    committed = true;
  };
  return { one, two, commit };
}

test("regression #12: an instance treats the states as complete if another one set the mark and committed after the first had read", async () => {
  const { one, two, commit } = await startTwo();
  expect(await one.check(false)).toBe(true);
  commit();
  expect(await two.check(false)).toBe(true);
});

test("an instance that saw or set a mark notices its loss before the first commit", async () => {
  const { one, two } = await startTwo();
  expect(await one.check(false)).toBe(true);
  expect(await two.check(true)).toBe(true);
  await (await connect()).flushdb();
  expect(await one.check(false)).toBe(false);
  expect(await two.check(false)).toBe(false);
});

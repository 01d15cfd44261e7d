import { Turns } from "./take-turns.js";

test("work waits for the work before it, also when that fails", async () => {
  const turns = new Turns();
  const done: string[] = [];
  let finishFirst: () => void = () => {};
  const first = turns.run(async () => {
    await new Promise<void>((resolve) => {
      finishFirst = resolve;
    });
    done.push("first");
    throw new Error("first");
  });
  const second = turns.run(async () => done.push("second"));
  await Promise.resolve();
  expect(done).toEqual([]);
  finishFirst();
  await expect(first).rejects.toThrow("first");
  await second;
  expect(done).toEqual(["first", "second"]);
});

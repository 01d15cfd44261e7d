import { snapshotStateCommand } from "./snapshot-state.js";

const GOOD = { "--lake": "/lake", "--kafka": "127.0.0.1:9092", "--redis": "redis://127.0.0.1:6379" };

test.each([
  ["no snapshot at all", { "--keep": "0" }, /--keep <count>.* must be a whole number from 1 to 1000/],
  ["half a day", { "--keep-days": "0.5" }, /--keep-days <days>.* must be a whole number from 1 to 3650/],
  ["no memory", { "--memory": "0" }, /--memory <gib>.* must be a number of GiB up to 1024/],
])("rejects %s, and says why in one sentence that names the flag", async (_name, flags, words) => {
  let said = "";
  const command = snapshotStateCommand()
    .exitOverride()
    .configureOutput({ writeErr: (text) => (said += text) });
  await expect(command.parseAsync(Object.entries({ ...GOOD, ...flags }).flat(), { from: "user" })).rejects.toThrow();
  expect(said).toMatch(words);
});

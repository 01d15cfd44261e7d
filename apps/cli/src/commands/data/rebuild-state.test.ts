import { rebuildStateCommand } from "./rebuild-state.js";

const GOOD = { "--lake": "/lake", "--kafka": "127.0.0.1:9092", "--redis": "redis://127.0.0.1:6379" };

/** What the command says about flags that it does not take. */
async function refusalOf(flags: Readonly<Record<string, string>>): Promise<string> {
  let said = "";
  const command = rebuildStateCommand()
    .exitOverride()
    .configureOutput({
      writeErr(text) {
        said += text;
      },
    });
  await expect(command.parseAsync(Object.entries(flags).flat(), { from: "user" })).rejects.toThrow();
  return said;
}

test.each([
  ["a broker without a port", { "--kafka": "localhost" }, /--kafka <brokers>.* must be host:port/],
  ["no address of a Redis", { "--redis": "127.0.0.1:6379" }, /--redis <url>.* must start with redis:/],
  ["half a day", { "--ttl-days": "0.5" }, /--ttl-days <days>.* must be a whole number of days from 1/],
  ["a wait that is no number", { "--wait": "long" }, /--wait <seconds>.* must be a number of seconds/],
  ["a wait without a value", { "--wait": "" }, /--wait <seconds>.* must be a number of seconds/],
])("%s is refused in one sentence that names the flag", async (_name, flags, words) => {
  expect(await refusalOf({ ...GOOD, ...flags })).toMatch(words);
});

test.each(Object.keys(GOOD))("without %s it says so, since the addresses go together", async (flag) => {
  const flags = Object.entries(GOOD).filter(([name]) => name !== flag);
  const attempt = rebuildStateCommand().parseAsync(flags.flat(), { from: "user" });
  await expect(attempt).rejects.toThrow(new RegExp(`^${flag} is missing`));
});

test("without any address, and where no system runs, it says where one would be looked for", async () => {
  const attempt = rebuildStateCommand().parseAsync(["--workspace", "none"], { from: "user" });
  await expect(attempt).rejects.toThrow(/No system is running here: .*none.system\.json does not exist/);
});

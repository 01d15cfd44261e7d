import { createServer } from "node:net";
import { ROOT } from "@tripline/system/services/workspace";
import type { Answer } from "../../../../tools/start/examine-docker.mjs";
import { examineDocker } from "../../../../tools/start/examine-docker.mjs";

/** Output of the commands on a machine that has everything, by their first words. */
const GOOD: Readonly<Record<string, Answer>> = {
  "compose version": { output: "2.40.3\n" },
  version: { output: "28.5.2\n" },
};

function machine(changes: Readonly<Record<string, Answer>>) {
  const answers = { ...GOOD, ...changes };
  return (_command: string, args: readonly string[]): Promise<Answer> => {
    const found = Object.entries(answers).find(([words]) => args.join(" ").startsWith(words));
    return Promise.resolve(found?.[1] ?? { output: "", failure: "1" });
  };
}

describe("examineDocker", () => {
  test.each<[string, Record<string, Answer>, RegExp]>([
    [
      "a missing Docker",
      { "compose version": { output: "", failure: "not found" } },
      /^Docker was not found: install .*\.$/,
    ],
    ["Docker without Compose", { "compose version": { output: "", failure: "1" } }, /no `compose` command: install/],
    ["Compose version 1", { "compose version": { output: "1.29.2" } }, /Compose is 1\.29\.2, older than 2\.26: update/],
    ["an old Compose", { "compose version": { output: "v2.17.0" } }, /older than 2\.26/],
    ["an engine that is not running", { version: { output: "", failure: "1" } }, /engine is not responding: start it/],
    ["an old engine", { version: { output: "20.10.24+dfsg1" } }, /engine is 20\.10\.24\+dfsg1, older than 26: update/],
  ])("reports %s in one sentence", async (_what, changes, sentence) => {
    const faults = await examineDocker({ root: ROOT, ports: {}, ask: machine(changes) });
    expect(faults).toEqual([expect.stringMatching(sentence)]);
  });

  test("names a port in use and its purpose", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const faults = await examineDocker({ root: ROOT, ports: { ingestion: port }, ask: machine({}) });
      expect(faults).toEqual([
        expect.stringMatching(new RegExp(`^Port ${port}, for ingestion, is in use.*: stop that`)),
      ]);
    } finally {
      server.close();
    }
  });

  test("reports nothing on a machine that has everything", async () => {
    expect(await examineDocker({ root: ROOT, ports: {}, ask: machine({}) })).toEqual([]);
  });
});

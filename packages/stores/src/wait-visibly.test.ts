import { waitVisibly } from "./wait-visibly.js";

const options = {
  what: "the store",
  timeoutMs: 20_000,
  pollMs: 1,
  mayPass: (error: unknown) => error instanceof TypeError,
  remedy: "Start it.",
  say: () => {},
};

describe("waitVisibly", () => {
  test("retries until it succeeds, and reports what it waits for", async () => {
    const said: string[] = [];
    let tries = 0;
    const attempt = async (): Promise<number> => {
      tries += 1;
      if (tries < 3) throw new TypeError("It is away.");
      return tries;
    };
    await expect(waitVisibly(attempt, { ...options, say: (line) => said.push(line) })).resolves.toBe(3);
    expect(said).toEqual(["waiting for the store, 0 s so far: It is away."]);
  });

  test("fails with the reason and the remedy", async () => {
    const attempt = () => Promise.reject(new TypeError("It is away."));
    await expect(waitVisibly(attempt, { ...options, timeoutMs: 5 })).rejects.toThrow(
      /^the store was not ready within \d+ s: It is away\. Start it\.$/,
    );
  });

  test("reports the cause of a failed fetch", async () => {
    const refused = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") });
    await expect(waitVisibly(() => Promise.reject(refused), { ...options, timeoutMs: 5 })).rejects.toThrow(
      /: fetch failed \(connect ECONNREFUSED 127\.0\.0\.1:1\)\. Start it\.$/,
    );
  });

  test("does not retry if waiting would not help", async () => {
    const attempt = () => Promise.reject(new RangeError("It is wrong."));
    await expect(waitVisibly(attempt, options)).rejects.toThrow(/^It is wrong\.$/);
  });
});

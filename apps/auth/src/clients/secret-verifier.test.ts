import { SecretVerifier } from "./secret-verifier.js";

const TEN_MINUTES_MS = 600_000;

/** Counts how often a hash is actually computed; the secret `right` matches every hash. */
function countingVerifier() {
  const state = { computed: 0, nowMs: 0 };
  const matches = async (secret: string): Promise<boolean> => {
    state.computed += 1;
    return secret === "right";
  };
  return { state, verifier: new SecretVerifier(matches, () => state.nowMs) };
}

describe("SecretVerifier", () => {
  test("hashes a correct secret once, and again after ten minutes", async () => {
    const { state, verifier } = countingVerifier();
    for (let round = 0; round < 5; round += 1) await expect(verifier.verify("right", "hash")).resolves.toBe(true);
    expect(state.computed).toBe(1);
    state.nowMs = TEN_MINUTES_MS;
    await expect(verifier.verify("right", "hash")).resolves.toBe(true);
    expect(state.computed).toBe(2);
  });

  test("hashes a wrong secret every time without evicting cached ones", async () => {
    const { state, verifier } = countingVerifier();
    await verifier.verify("right", "hash");
    for (let round = 0; round < 1_100; round += 1)
      await expect(verifier.verify(`wrong ${round}`, "hash")).resolves.toBe(false);
    expect(state.computed).toBe(1_101);
    await verifier.verify("right", "hash");
    expect(state.computed).toBe(1_101);
  });

  test("a cached secret does not match a changed hash", async () => {
    const { state, verifier } = countingVerifier();
    await verifier.verify("right", "hash");
    await verifier.verify("right", "another hash");
    expect(state.computed).toBe(2);
  });

  test("evicts the oldest entry if there are more than one thousand", async () => {
    const { state, verifier } = countingVerifier();
    for (let client = 0; client <= 1_000; client += 1) await verifier.verify("right", `hash ${client}`);
    await verifier.verify("right", "hash 1000");
    expect(state.computed).toBe(1_001);
    await verifier.verify("right", "hash 0");
    expect(state.computed).toBe(1_002);
  });

  test("hashes once for concurrent callers, and rejects more than 32 different secrets at a time", async () => {
    const waiting: ((matches: boolean) => void)[] = [];
    const verifier = new SecretVerifier(() => new Promise((resolve) => waiting.push(resolve)));
    const same = [verifier.verify("secret", "hash 0"), verifier.verify("secret", "hash 0")];
    expect(waiting).toHaveLength(1);
    const others = Array.from({ length: 31 }, (_, index) => verifier.verify("secret", `hash ${index + 1}`));
    await expect(verifier.verify("secret", "one too many")).rejects.toMatchObject({ code: "queue-full" });
    for (const resolve of waiting) resolve(true);
    await expect(Promise.all([...same, ...others])).resolves.not.toContain(false);
    const after = verifier.verify("secret", "one too many");
    waiting.at(-1)?.(true);
    await expect(after).resolves.toBe(true);
  });
});

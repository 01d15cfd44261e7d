import { TransitOpener } from "./transit-opener.js";
import { TransitSealer } from "./transit-sealer.js";

const HOUR_MS = 3_600_000;
const JSON_TEXT = '{"tier":"gold"}';

/** A sealer and an opener that share keys, as ingestion and decisions do by Redis. */
class Transit {
  readonly keys = new Map<string, Buffer>();
  readonly errors: string[] = [];
  nowMs = 1_000_000_000_000;
  seconds = 0;
  loads = 0;
  isDown = false;
  readonly sealer = new TransitSealer({
    store: async (keyId, key, seconds) => {
      if (this.isDown) throw new Error("down");
      this.keys.set(keyId, Buffer.from(key));
      this.seconds = seconds;
    },
    logger: { error: (_fields, message) => void this.errors.push(message) },
    now: () => this.nowMs,
  });
  readonly opener = new TransitOpener(
    async (keyId) => {
      this.loads += 1;
      return this.keys.get(keyId) ?? null;
    },
    () => this.nowMs,
  );

  /** Stores a key, as the sealer's timer does. */
  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    this.sealer.close();
    await this.sealer.start();
  }

  async open(header = "", id = "txn_1"): Promise<string | undefined> {
    await this.opener.prepare([header, header]);
    return this.opener.open(header, id);
  }
}

test("attributes open only for their payment, with a key that is loaded once", async () => {
  const transit = new Transit();
  await transit.pass(0);
  const [first = "", second] = [transit.sealer.seal(JSON_TEXT, "txn_1"), transit.sealer.seal(JSON_TEXT, "txn_1")];
  expect(first).toMatch(/^[\w-]+$/);
  expect(first).not.toBe(second);
  expect(Buffer.from(first, "base64url").toString("latin1")).not.toContain("gold");
  expect(await transit.open(first)).toBe(JSON_TEXT);
  expect(await transit.open(first, "txn_2")).toBeUndefined();
  expect(await transit.open(second)).toBe(JSON_TEXT);
  expect(transit.loads).toBe(1);
  for (const broken of ["", "x", `${first.slice(0, -4)}AAAA`]) expect(await transit.open(broken)).toBeUndefined();
});

test("a key is stored again if it was lost, used for an hour, and expires 25 hours after it was made", async () => {
  const transit = new Transit();
  await transit.pass(0);
  expect(transit.seconds).toBe(90_000);
  transit.keys.clear();
  await transit.pass(HOUR_MS / 2);
  expect([...transit.keys]).toHaveLength(1);
  expect(transit.seconds).toBe(88_200);
  expect(await transit.open(transit.sealer.seal(JSON_TEXT, "txn_1"))).toBe(JSON_TEXT);
  await transit.pass(HOUR_MS / 2);
  expect([...transit.keys]).toHaveLength(2);
});

test("an expired key is used from memory for less than an hour", async () => {
  const transit = new Transit();
  await transit.pass(0);
  const header = transit.sealer.seal(JSON_TEXT, "txn_1");
  expect(await transit.open(header)).toBe(JSON_TEXT);
  transit.keys.clear();
  transit.nowMs += HOUR_MS - 1;
  expect(await transit.open(header)).toBe(JSON_TEXT);
  transit.nowMs += 1;
  expect(await transit.open(header)).toBeUndefined();
});

test("a key that becomes an hour old between prepare and open is used, and then loaded again", async () => {
  const transit = new Transit();
  await transit.pass(0);
  const header = transit.sealer.seal(JSON_TEXT, "txn_1") ?? "";
  await transit.opener.prepare([header]);
  transit.nowMs += HOUR_MS - 1;
  await transit.opener.prepare([header]);
  transit.nowMs += 1;
  expect(transit.opener.open(header, "txn_1")).toBe(JSON_TEXT);
  expect(transit.loads).toBe(1);
  expect(await transit.open(header)).toBe(JSON_TEXT);
  expect(transit.loads).toBe(2);
});

test("no header is written without a stored key; the last key is used for half a day", async () => {
  const transit = new Transit();
  transit.isDown = true;
  await transit.pass(0);
  expect(transit.sealer.seal(JSON_TEXT, "txn_1")).toBeUndefined();
  transit.isDown = false;
  await transit.pass(0);
  transit.isDown = true;
  await transit.pass(11 * HOUR_MS);
  await transit.pass(0);
  expect(await transit.open(transit.sealer.seal(JSON_TEXT, "txn_1"))).toBe(JSON_TEXT);
  await transit.pass(HOUR_MS);
  expect(transit.sealer.seal(JSON_TEXT, "txn_1")).toBeUndefined();
  expect(transit.errors).toEqual([
    "the key for attributes could not be stored: down",
    "the key for attributes could not be stored: down",
  ]);
});

import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { transitKey } from "@tripline/contracts/redis-keys";
import { TransitSealer } from "@tripline/sealing/transit/transit-sealer";
import { TestBed } from "../testing/test-bed.js";

const POLICY = `version: attributes
rules:
  - id: gold
    when: attributes["tier"] == "gold"
    reason: GOLD
    action: challenge
    text: A customer with a gold tier.
default_decision:
  default: { action: review, reason: DEFAULT, text: Nothing is known. }
`;

describe("attributes sealed by ingestion", () => {
  let bed: TestBed;
  /** Keys of two ingestion instances, and a third key that is not in Redis. */
  let sealers: TransitSealer[];

  beforeAll(async () => {
    bed = await TestBed.start();
    await writeFile(bed.policyFile, POLICY);
    await bed.restart();
    const store = (keyId: string, key: Buffer, seconds: number) => bed.redis.set(transitKey(keyId), key, "EX", seconds);
    sealers = [store, store, async () => {}].map((each) => {
      return new TransitSealer({ store: each, logger: { error() {} } });
    });
    await Promise.all(sealers.map((sealer) => sealer.start()));
  });
  afterAll(async () => {
    for (const sealer of sealers) sealer.close();
    await bed.close();
  });

  /** Decides a payment with this header. */
  const decided = (hasAttributes: true | undefined, header: (id: string) => string | undefined) => {
    const id = `txn_${randomBytes(16).toString("hex")}`;
    const sealed = header(id);
    const headers = sealed === undefined ? undefined : { headers: { [HEADERS.attributes]: sealed } };
    return bed.decideOne({ id, transaction: { hasAttributes }, ...headers });
  };
  const sealedBy = (instance: number, json: string) => (id: string) => sealers[instance]?.seal(json, id);

  test.each([
    ["gold", Outcome.CHALLENGE, sealedBy(0, '{"tier":"gold"}')],
    ["silver", Outcome.APPROVE, sealedBy(0, '{"tier":"silver"}')],
    ["gold from another ingestion instance", Outcome.CHALLENGE, sealedBy(1, '{"tier":"gold"}')],
  ])("are available to rules: tier %s", async (_tier, outcome, header) => {
    expect(await decided(true, header)).toMatchObject({ outcome, skippedRules: [] });
  });

  test("are absent if none were sent", async () => {
    const decision = await decided(undefined, () => undefined);
    expect(decision).toMatchObject({ outcome: Outcome.APPROVE, skippedRules: [] });
  });

  test.each([
    ["their key has expired or was lost", sealedBy(2, '{"tier":"silver"}')],
    ["ingestion had no key, or an older features instance dropped the header", () => undefined],
    ["they belong to another payment", () => sealers[0]?.seal('{"tier":"silver"}', "txn_other")],
    ["they were changed", (id: string) => `${sealedBy(0, '{"tier":"silver"}')(id)?.slice(0, -4)}AAAA`],
  ])("cause the default decision if %s", async (_why, header) => {
    expect(await decided(true, header)).toMatchObject({
      outcome: Outcome.REVIEW,
      reasons: [{ code: "DEFAULT" }],
      skippedRules: [{ ruleId: "gold", why: "attributes-unavailable", inShadow: false }],
    });
  });
});

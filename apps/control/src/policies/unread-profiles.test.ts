import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";

const POLICY = `version: "1"
rules:
  - id: new-card
    when: amount > 500 && card_age < 2.0
    reason: NEW_CARD
    action: review
    text: The card is new.
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;

let bed: TestBed;

beforeEach(async () => {
  bed = await startTestBed();
});

afterEach(() => bed.close());

test("regression #26: neither stores nor activates a policy that reads a profile that the features service does not read", async () => {
  const ann = bed.as("ann");
  const sentence =
    "The policy uses card_age from profiles that the features service does not read: add these to FEAST_PROFILES.";
  const refusal = (pointer: string, place = "") => ({
    status: 422,
    body: { code: "invalid-field", detail: sentence, errors: [{ pointer, detail: place + sentence }] },
  });
  for (const path of ["/v1/policy/check", "/v1/policy/revisions"]) {
    expect(await ann.send("POST", path, { text: POLICY })).toMatchObject(refusal("/text", "policy.yaml:1:1 "));
  }
  const reader = bed.as("ann", { url: (await bed.startAnother({ FEAST_PROFILES: "card" })).url });
  expect(await reader.send("POST", "/v1/policy/revisions", { text: POLICY })).toMatchObject({ status: 201 });
  const activation = { revision: 1, after: 0, note: "go" };
  expect(await ann.send("POST", "/v1/policy/activations", activation)).toMatchObject(refusal("/revision"));
  expect(await reader.send("POST", "/v1/policy/activations", activation)).toMatchObject({ status: 201 });
});

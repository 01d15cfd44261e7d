import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import { activation, keyOf, policyText } from "../testing/activation.js";
import { PolicyTable } from "./policy-table.js";

const NOW_MS = 1_800_000_000_000;
const FAULTY = policyText("FIRST").replace("amount >= 0", "amount_of_a_later_spec >= 0");

let table: PolicyTable;
let refused: { revision: number; faults: readonly string[] }[];

beforeEach(() => {
  refused = [];
  table = new PolicyTable({
    spec: currentFeatureSpec(),
    onActivation: () => undefined,
    onSwitchedOff: () => undefined,
    onRefused: ({ revision }, faults) => refused.push({ revision, faults }),
  });
});

function put(...messages: readonly PolicyActivation[]): void {
  const changes = messages.map((message) => ({
    key: keyOf(message),
    timestampMs: 0,
    value: Buffer.from(PolicyActivation.encode(message).finish()),
  }));
  table.apply(changes);
}

const remove = (key: string) => table.apply([{ key, value: undefined, timestampMs: 0 }]);
const revisionOf = (tenant = "demo", nowMs = NOW_MS) => table.policyOf(tenant, nowMs)?.revision;

test("no policy is in force if none is active", () => {
  expect(revisionOf()).toBeUndefined();
});

test("the highest number is in force, regardless of the order and duplication of activations", () => {
  const [first, second] = [activation({ revision: 5 }), activation({ activation: 2, revision: 3 })];
  put(second, first, second);
  expect(revisionOf()).toBe(3);
});

test("a tenant's own policy takes precedence over the one for all tenants until it is removed", () => {
  put(activation({ tenant: "", revision: 7 }));
  expect([revisionOf("demo"), revisionOf("other")]).toEqual([7, 7]);
  put(activation({ revision: 2 }));
  expect([revisionOf("demo"), revisionOf("other")]).toEqual([2, 7]);
  put(activation({ activation: 2, revision: 0, text: "" }));
  expect(revisionOf("demo")).toBe(7);
});

test("a scheduled activation takes effect at its time; a later one replaces it", () => {
  put(activation({ revision: 1 }), activation({ activation: 2, revision: 2, activatesAtMs: NOW_MS }));
  expect([revisionOf("demo", NOW_MS - 1), revisionOf("demo", NOW_MS)]).toEqual([1, 2]);
  put(activation({ activation: 3, revision: 1, activatesAtMs: NOW_MS - 10, createdAtMs: NOW_MS - 10 }));
  expect([revisionOf("demo", NOW_MS - 1), revisionOf("demo", NOW_MS)]).toEqual([1, 1]);
});

test.each([
  ["another one for later", policyText("FIRST")],
  ["another one for later that this build cannot read", FAULTY],
])("a scheduled activation that was replaced by %s before its time never takes effect", (_how, text) => {
  const [atMs, laterMs] = [NOW_MS + 3_600_000, NOW_MS + 7_200_000];
  const changed = activation({ activation: 3, revision: 3, text, activatesAtMs: laterMs, createdAtMs: NOW_MS });
  put(changed, activation({ activation: 2, revision: 2, activatesAtMs: atMs }), activation({ revision: 1 }));
  expect([revisionOf("demo", atMs), revisionOf("demo", laterMs)]).toEqual([1, text === FAULTY ? 1 : 3]);
});

test("an immediate activation applies even on a slow clock", () => {
  put(activation({ activatesAtMs: NOW_MS + 60_000, createdAtMs: NOW_MS + 60_000 }));
  expect(revisionOf()).toBe(1);
});

test("an unreadable policy is rejected once, with its faults, and the previous one stays in force", () => {
  const faulty = activation({ activation: 2, revision: 2, text: FAULTY });
  put(activation({ revision: 1 }), faulty, faulty);
  expect(revisionOf()).toBe(1);
  expect(refused).toEqual([{ revision: 2, faults: [expect.stringMatching(/^revision-2\.yaml:4:11 .*later_spec/)] }]);
  remove("demo/1");
  expect(revisionOf()).toBe(1);
});

test("bytes that are not an activation change nothing", () => {
  put(activation({ revision: 1 }));
  table.apply([{ key: "demo/2", value: Buffer.from([0xff, 0xff, 0xff]), timestampMs: 0 }]);
  expect(revisionOf()).toBe(1);
  expect(refused).toHaveLength(1);
});

test("a deleted activation is no longer in force", () => {
  put(activation({ revision: 1 }), activation({ activation: 2, revision: 2, activatesAtMs: NOW_MS + 1 }));
  remove("demo/1");
  expect(revisionOf()).toBeUndefined();
});

test("regression #24: a rule that the control plane switched off stays off, even within its own activation", () => {
  const modes = () => table.policyOf("demo", NOW_MS)?.rules.map(({ mode, switchedOffFrom }) => [mode, switchedOffFrom]);
  const [plain, without] = [activation({ revision: 3 }), activation({ revision: 3, switchedOffRules: ["all"] })];
  put(plain);
  expect(modes()).toEqual([["live", undefined]]);
  put(without, plain);
  expect(modes()).toEqual([["off", "live"]]);
  put(activation({ activation: 2, revision: 3, switchedOffRules: ["all", "gone"] }));
  expect(modes()).toEqual([["off", "live"]]);
  put(activation({ activation: 3, revision: 4 }));
  expect(modes()).toEqual([["live", undefined]]);
});

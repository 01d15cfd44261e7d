import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { showSecret, signMessage } from "./sign-message.js";
import { messageBody, messageId } from "./write-message.js";

const BODY = messageBody({ type: "webhook.test", atMs: 0, data: { text: "Grüße" } });
const [fresh, old] = [randomBytes(32), randomBytes(32)];

test("a standard verifier accepts the signature, and rejects a different body, ID, time or secret", () => {
  const id = messageId("acme", "webhook.test", "1");
  const headers = signMessage(id, Date.now(), BODY, [fresh]);
  const verifier = new Webhook(showSecret(fresh));
  expect(verifier.verify(BODY, headers)).toEqual(JSON.parse(BODY));
  expect(() => verifier.verify(`${BODY} `, headers)).toThrow();
  expect(() => verifier.verify(BODY, { ...headers, "webhook-id": "evt_2" })).toThrow();
  expect(() => verifier.verify(BODY, signMessage(id, Date.now() - 600_000, BODY, [fresh]))).toThrow();
  expect(() => new Webhook(showSecret(old)).verify(BODY, headers)).toThrow();
});

test("while a secret is being replaced, a receiver accepts the message with either secret", () => {
  const headers = signMessage("evt_1", Date.now(), BODY, [fresh, old]);
  for (const secret of [fresh, old]) expect(new Webhook(showSecret(secret)).verify(BODY, headers)).toBeDefined();
});

test("IDs are deterministic and differ by tenant, type and source", () => {
  const ids = [messageId("a", "b", "c"), messageId("ab", "", "c"), messageId("a", "bc", ""), messageId("a", "b", "d")];
  expect(new Set(ids).size).toBe(4);
  expect(messageId("a", "b", "c")).toBe(ids[0]);
  for (const id of ids) expect(id).toMatch(/^evt_[0-9a-f]{32}$/);
});

import { keyedToken } from "@tripline/contracts/identifiers";
import { readToken } from "./read-token.js";

const KEY = Buffer.alloc(32, 7);
const FLAGS = { workspace: "none", tenant: "shop" };
const before = process.env.CARD_TOKEN_KEY;

beforeEach(() => {
  process.env.CARD_TOKEN_KEY = KEY.toString("base64");
});
afterAll(() => {
  if (before === undefined) delete process.env.CARD_TOKEN_KEY;
  else process.env.CARD_TOKEN_KEY = before;
});

const tokenOf = (kind: string, clear: string, flags: Partial<typeof FLAGS> = {}) =>
  readToken(inputOf(clear), [kind], { ...FLAGS, ...flags });

async function* inputOf(clear: string) {
  yield Buffer.from(`${clear}\n`);
}

test.each([
  ["email", "Ada.Lovelace+bank@Example.com", keyedToken("email", KEY, "shop", "ada.lovelace@example.com")],
  ["device", "phone 1", keyedToken("device", KEY, "shop", "phone 1")],
  ["ip", "2001:DB8::0:1", keyedToken("ip", KEY, "shop", "2001:db8::1")],
  ["ip_range", "198.51.100.0/24", keyedToken("network", KEY, "shop", "198.51.100")],
  ["ip_range", "2001:db8:7::/48", keyedToken("network", KEY, "shop", "2001:db8:7")],
])("computes the same %s token as payments contain", async (kind, clear, token) => {
  expect(await tokenOf(kind, clear)).toBe(token);
});

test.each([
  ["card", "4111111111111112"],
  ["email", "ada at example.com"],
  ["ip", "198.51.100"],
  ["ip_range", "198.51.100.0/16"],
  ["ip_range", "2001:db8::/24"],
])("rejects an invalid value for the kind %s without repeating it", async (kind, clear) => {
  const refused = await tokenOf(kind, clear).catch((error: unknown) => String(error));
  expect(refused).toMatch(/Standard input is not/);
  expect(refused).not.toContain(clear);
});

test("reports a kind without tokens and a missing key in one sentence each", async () => {
  await expect(tokenOf("terminal", "t-1")).rejects.toThrow(/terminal has no token/);
  delete process.env.CARD_TOKEN_KEY;
  await expect(tokenOf("email", "ada@example.com")).rejects.toThrow(/set CARD_TOKEN_KEY/);
});

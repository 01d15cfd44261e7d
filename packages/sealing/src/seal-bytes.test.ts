import { randomBytes } from "node:crypto";
import { openBytes, sealBytes } from "./seal-bytes.js";

const KEY = randomBytes(32);
const PLAINTEXT = Buffer.from("a private key");

describe("sealBytes", () => {
  test("opens only under the same key and context", () => {
    const sealed = sealBytes(PLAINTEXT, KEY, "kid 1");
    expect(sealed.includes(PLAINTEXT)).toBe(false);
    expect(openBytes(sealed, KEY, "kid 1")).toEqual(PLAINTEXT);
    expect(openBytes(sealed, randomBytes(32), "kid 1")).toBeUndefined();
    expect(openBytes(sealed, KEY, "kid 2")).toBeUndefined();
  });

  test("never uses a nonce twice", () => {
    expect(sealBytes(PLAINTEXT, KEY, "kid")).not.toEqual(sealBytes(PLAINTEXT, KEY, "kid"));
  });

  test("does not open if any byte is changed or missing", () => {
    const sealed = sealBytes(PLAINTEXT, KEY, "kid");
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(openBytes(changed, KEY, "kid")).toBeUndefined();
      expect(openBytes(sealed.subarray(0, index), KEY, "kid")).toBeUndefined();
    }
  });
});

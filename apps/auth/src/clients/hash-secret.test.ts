import { hashSecret, matchesHash } from "./hash-secret.js";

const SECRET = "a-secret-of-more-than-24-characters";

describe("hashSecret", () => {
  test("returns a new PHC string each time, which matches only the secret", async () => {
    const [first, second] = await Promise.all([hashSecret(SECRET), hashSecret(SECRET)]);
    expect(first).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$/);
    expect(first).not.toBe(second);
    expect(first).not.toContain(SECRET);
    await expect(matchesHash(SECRET, first)).resolves.toBe(true);
    await expect(matchesHash(`${SECRET}x`, first)).resolves.toBe(false);
    await expect(matchesHash(first, first)).resolves.toBe(false);
  });

  test("verifies a hash with different cost parameters from another implementation", async () => {
    // Python: hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride16", n=2**10, r=8, p=16, dklen=32)
    const stored = "$scrypt$ln=10,r=8,p=16$U29kaXVtQ2hsb3JpZGUxNg$iQ+h1fsrboSzu3KuXJRL5B4W2bJoqu6uyMR4Rf/rdiw";
    await expect(matchesHash("pleaseletmein", stored)).resolves.toBe(true);
    await expect(matchesHash("pleaseletmeout", stored)).resolves.toBe(false);
  });

  test.each(["", SECRET, "$scrypt$ln=14,r=8,p=5$short$short", "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"])(
    "rejects %j as a stored hash",
    async (stored) => {
      await expect(matchesHash(SECRET, stored)).rejects.toMatchObject({ code: "internal" });
    },
  );
});

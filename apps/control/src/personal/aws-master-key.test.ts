import { randomBytes } from "node:crypto";
import { startPythonStores } from "@tripline/object-store/testing/store-servers";
import { openMasterKey } from "@tripline/sealing/master-key";

/** moto, the S3 server of these tests, also implements KMS. AWS's library reads its address from the environment. */
test("AWS KMS decrypts only with the same key and purpose, and its errors are passed on", async () => {
  const { s3, stop } = await startPythonStores();
  const before = { ...process.env };
  try {
    Object.assign(process.env, s3.kms.environment);
    const key = randomBytes(32);
    const masterKey = openMasterKey(`awskms:${s3.kms.keyId}`);
    const wrapped = await masterKey.wrap(key);
    expect(Buffer.from(wrapped).includes(key)).toBe(false);
    expect(await masterKey.unwrap(wrapped)).toEqual(key);
    await expect(masterKey.unwrap(randomBytes(wrapped.length))).rejects.toMatchObject({
      code: "master-key-unavailable",
    });
    await expect(openMasterKey("awskms:no-such-key").wrap(key)).rejects.toMatchObject({
      code: "master-key-unavailable",
    });
  } finally {
    process.env = before;
    await stop();
  }
});

import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { TriplineError } from "@tripline/contracts/error-table";
import { UNSENT_PERSONAL } from "@tripline/contracts/generated/payment-fields";
import { openMasterKey } from "./master-key.js";
import type { MasterKey } from "./master-keys/wrapping.js";
import { PersonalOpener } from "./open-personal.js";
import type { Sealed } from "./personal-sealer.js";
import { PersonalSealer } from "./personal-sealer.js";
import type { PersonalSubject } from "./sealed-layout.js";
import { splitSealed, writeSubject } from "./sealed-layout.js";

const newKey = () => randomBytes(32).toString("base64");
const DAY_MS = 86_400_000;
const FIELDS = {
  ...UNSENT_PERSONAL,
  ...{ email: "ada@example.com", ipAddress: "203.0.113.7", deviceId: "phone-1", cardholder: "Ada" },
};
const ADA = { tenant: "acme", cardToken: "ct_ada", emailToken: "et_ada" };
const WITH_ACCOUNT = { ...ADA, otherTokens: ["at_ada"] };
const quiet = { error() {} };
const KEYS = 500;

async function started(masterKey: MasterKey, options: { subjectsMax?: number; now?: () => number } = {}) {
  const sealer = new PersonalSealer({ masterKey, logger: quiet, ...options });
  await sealer.start();
  return sealer;
}

function sealedBy(sealer: PersonalSealer, subject: PersonalSubject = ADA, id = "txn_1"): Sealed {
  const sealed = sealer.seal(FIELDS, subject, id);
  if (typeof sealed === "string") throw new Error(sealed);
  return sealed;
}

/** Decrypts as control does. */
function open(text: string, { bytes, newKey: made }: Sealed, subject: PersonalSubject = ADA, id = "txn_1") {
  const part = splitSealed(bytes);
  if (part === undefined || made === undefined) throw new Error("there is nothing to open");
  expect(part.keyId).toEqual(made.key.keyId);
  return new PersonalOpener(openMasterKey(text)).open(part.sealed, made.key, subject, id);
}

test("sealed data opens only with its key, for its person and payment", async () => {
  const text = newKey();
  const sealed = sealedBy(await started(openMasterKey(text)));
  expect(sealed.bytes.toString("latin1")).not.toMatch(/ada|203\.0|phone/i);
  expect(await open(text, sealed)).toEqual(FIELDS);
  expect(await open(text, sealed, ADA, "txn_2")).toBeUndefined();
  for (const other of [
    { ...ADA, tenant: "bank" },
    { ...ADA, cardToken: "ct_bob" },
    { ...ADA, emailToken: "" },
  ]) {
    expect(await open(text, sealed, other)).toBeUndefined();
  }
  await expect(open(newKey(), sealed)).rejects.toMatchObject({ code: "master-key-unavailable" });
});

test("opens data whose keys the previous master key wrapped", async () => {
  const [old, fresh] = [newKey(), newKey()];
  const before = sealedBy(await started(openMasterKey(old)));
  const after = sealedBy(await started(openMasterKey(`${fresh},${old}`)));
  expect(await open(`${fresh},${old}`, before)).toEqual(FIELDS);
  expect(await open(fresh, after)).toEqual(FIELDS);
});

test("a person has one key per day, attached until it is stored", async () => {
  let nowMs = Date.now();
  const sealer = await started(openMasterKey(newKey()), { now: () => nowMs });
  const first = sealedBy(sealer);
  const second = sealedBy(sealer);
  expect(second.newKey?.key).toBe(first.newKey?.key);
  expect(second.bytes).not.toEqual(first.bytes);
  first.newKey?.stored();
  expect(sealedBy(sealer).newKey).toBeUndefined();
  nowMs += DAY_MS - 1;
  expect(sealedBy(sealer).newKey).toBeUndefined();
  // A new data key needs that day's envelope key.
  nowMs += 1;
  expect(sealer.seal(FIELDS, ADA, "txn_1")).toBe("no-key");
  await sealer.start();
  expect(sealedBy(sealer).newKey?.key.keyId).not.toEqual(first.newKey?.key.keyId);
});

test("evicts the least recently seen person, and the next person's data opens only with their own key", async () => {
  const text = newKey();
  const sealer = await started(openMasterKey(text), { subjectsMax: 2 });
  const [bob, eve, joe] = ["ct_bob", "ct_eve", "ct_joe"].map((cardToken) => ({ ...ADA, cardToken }));
  for (const person of [ADA, bob, ADA, eve]) sealedBy(sealer, person).newKey?.stored();
  expect(sealedBy(sealer, ADA).newKey).toBeUndefined();
  const second = sealedBy(sealer, bob);
  expect(await open(text, second, bob)).toEqual(FIELDS);
  sealer.erase("acme", "ct_bob");
  expect(await open(text, sealedBy(sealer, joe), joe)).toEqual(FIELDS);
  expect(await open(text, second, bob)).toEqual(FIELDS);
  expect(sealedBy(sealer, ADA).newKey).toBeUndefined();
});

test("keeps little memory for a stored key, even if others use Buffer's pool", async () => {
  setFlagsFromString("--expose_gc");
  const collect: () => void = runInNewContext("gc");
  const sealer = await started(openMasterKey(newKey()));
  const bytesHeld = () => {
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = bytesHeld();
  for (let card = 0; card < KEYS; card += 1) {
    sealedBy(sealer, { ...ADA, cardToken: `ct_${card}` }).newKey?.stored();
    // Other buffers fill the rest of the pool block, as they do between payments by two new cards.
    for (let bytes = 0; bytes < Buffer.poolSize; bytes += 1_024) Buffer.allocUnsafe(1_024);
  }
  expect((bytesHeld() - before) / KEYS).toBeLessThan(1_024);
  expect(sealedBy(sealer, { ...ADA, cardToken: "ct_0" }).newKey).toBeUndefined();
});

test("writes a person without other tokens as card and e-mail address", () => {
  expect(writeSubject(ADA)).toBe("acme\0ct_ada\0et_ada");
  expect(writeSubject({ ...ADA, otherTokens: [] })).toBe("acme\0ct_ada\0et_ada");
  expect(writeSubject(WITH_ACCOUNT)).toBe("acme\0ct_ada\0et_ada\0at_ada");
});

test("decrypts data sealed for an account only with that account", async () => {
  const text = newKey();
  const sealed = sealedBy(await started(openMasterKey(text)), WITH_ACCOUNT);
  expect(sealed.newKey?.key.otherTokens).toEqual(["at_ada"]);
  expect(await open(text, sealed, WITH_ACCOUNT)).toEqual(FIELDS);
  expect(await open(text, sealed)).toBeUndefined();
});

test.each(["ct_ada", "et_ada", "at_ada"])(
  "seals nothing for a person erased by %s, and continues for others",
  async (subject) => {
    const sealer = await started(openMasterKey(newKey()));
    sealedBy(sealer, WITH_ACCOUNT);
    sealer.erase("bank", subject);
    sealedBy(sealer, WITH_ACCOUNT);
    sealer.erase("acme", subject);
    expect(sealer.seal(FIELDS, WITH_ACCOUNT, "txn_1")).toBe("erased");
    sealedBy(sealer, { ...ADA, cardToken: "ct_bob", emailToken: "" });
  },
);

test("seals nothing until the master key responds", async () => {
  const working = openMasterKey(newKey());
  let isDown = true;
  const masterKey: MasterKey = {
    ...working,
    async wrap(key) {
      if (isDown) throw new TriplineError("master-key-unavailable", "as the test wants it");
      return working.wrap(key);
    },
  };
  const sealer = await started(masterKey);
  expect(sealer.seal(FIELDS, ADA, "txn_1")).toBe("no-key");
  isDown = false;
  await sealer.start();
  sealedBy(sealer);
  isDown = true;
  await sealer.start();
  // Today's envelope key is still valid.
  sealedBy(sealer);
});

test("the later of two starts wins, so an old master key's late response does not replace the new key", async () => {
  const answers: (() => void)[] = [];
  let name = "old";
  const masterKey: MasterKey = {
    get name() {
      return name;
    },
    wrap: (key) => new Promise((resolve) => answers.push(() => resolve(key))),
    unwrap: async (wrapped) => Buffer.from(wrapped),
  };
  const sealer = new PersonalSealer({ masterKey, logger: quiet });
  const first = sealer.start();
  name = "new";
  const second = sealer.start();
  for (const answer of answers.reverse()) answer();
  await Promise.all([first, second]);
  sealer.close();
  expect(sealedBy(sealer).newKey?.key.masterKey).toBe("new");
});

import { randomBytes } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNSENT_PERSONAL } from "@tripline/contracts/generated/payment-fields";
import { openMasterKey } from "@tripline/sealing/master-key";
import { PersonalOpener } from "@tripline/sealing/open-personal";
import { PersonalSealer } from "@tripline/sealing/personal-sealer";
import { splitSealed } from "@tripline/sealing/sealed-layout";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { EndpointSecrets } from "../webhooks/endpoint-secrets.js";
import { EndpointStore } from "../webhooks/endpoint-store.js";
import { EnvelopeRewrapper } from "./envelope-rewrapper.js";
import { SubjectKeys } from "./subject-keys.js";

const FIELDS = { ...UNSENT_PERSONAL, email: "ada@example.com", cardholder: "Ada" };
const newKey = () => randomBytes(32).toString("base64");
const hex = () => randomBytes(16).toString("hex");
const [old, fresh] = [newKey(), newKey()];

let folder: string;
let file: string;
let bed: TestBed;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rewrap-"));
  file = join(folder, "personal-master-key");
  await writeFile(file, old);
  bed = await startTestBed({ PERSONAL_MASTER_KEY_FILE: file });
});
afterAll(async () => {
  await bed?.close();
  await rm(folder, { recursive: true });
});

/** Data that ingestion sealed with a master key. control stores its key. */
async function sealedWith(masterKey: string) {
  const sealer = new PersonalSealer({ masterKey: openMasterKey(masterKey), logger: { error() {} } });
  await sealer.start();
  const subject = { tenant: "acme", cardToken: `ct_${hex()}`, emailToken: "" };
  const id = `txn_${hex()}`;
  const sealed = sealer.seal(FIELDS, subject, id);
  sealer.close();
  if (typeof sealed === "string" || sealed.newKey === undefined) throw new Error("nothing was sealed");
  const keys = bed.service.get(SubjectKeys);
  const { key } = sealed.newKey;
  await keys.add([key]);
  const part = splitSealed(sealed.bytes);
  /** Decrypts with only these master keys. */
  const open = async (text: string) => {
    const row = (await keys.find("acme", [Buffer.from(key.keyId)])).values().next().value;
    if (row === undefined || part === undefined) throw new Error("there is no key");
    const stored = { wrapped: row.wrapped, wrappedEnvelope: row.wrapped_envelope };
    return new PersonalOpener(openMasterKey(text)).open(part.sealed, stored, subject, id);
  };
  return { key, open };
}

test("after a new master key is added to the file, the new key alone can decrypt older data", async () => {
  const [first, foreign] = [await sealedWith(old), await sealedWith(newKey())];
  const secret = await bed.service.get(EndpointSecrets).create();
  const endpoints = bed.service.get(EndpointStore);
  const by = { tenant: "acme", actor: "lea" };
  const { id: endpointId } = await endpoints.add(
    by,
    { url: "https://a.example/", description: "", event_types: ["case.opened"] },
    secret,
  );
  await expect(first.open(fresh)).rejects.toMatchObject({ code: "master-key-unavailable" });
  await writeFile(`${file}.new`, `${fresh},${old}`);
  await rename(`${file}.new`, file);
  const rewrapper = bed.service.get(EnvelopeRewrapper);
  // The service reloads the file, and earlier data can still be decrypted.
  for (;;) {
    expect(await first.open(`${fresh},${old}`)).toEqual(FIELDS);
    if (await first.open(fresh).then(Boolean, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await first.open(fresh)).toEqual(FIELDS);
  // An ingestion instance with the old master key sends `first.key` again; another one creates a new envelope key.
  await bed.service.get(SubjectKeys).add([first.key]);
  const late = await sealedWith(old);
  expect(await rewrapper.rewrap()).toEqual({ rewrapped: 1, left: 1 });
  // The new key alone also decrypts webhook secrets.
  const url = bed.stack.postgresUrl;
  const database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 10_000, onIdleError() {} });
  expect(await new EndpointSecrets(database, openMasterKey(fresh)).of(endpointId)).toEqual([secret.plain]);
  await database.close();
  expect(await first.open(fresh)).toEqual(FIELDS);
  expect(await late.open(fresh)).toEqual(FIELDS);
  await expect(foreign.open(fresh)).rejects.toMatchObject({ code: "master-key-unavailable" });
  expect(await rewrapper.rewrap()).toEqual({ rewrapped: 0, left: 1 });
});

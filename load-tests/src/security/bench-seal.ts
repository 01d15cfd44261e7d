import { randomBytes } from "node:crypto";
import { UNSENT_PERSONAL } from "@tripline/contracts/generated/payment-fields";
import { openMasterKey } from "@tripline/sealing/master-key";
import { PersonalOpener } from "@tripline/sealing/open-personal";
import { PersonalSealer } from "@tripline/sealing/personal-sealer";
import { splitSealed } from "@tripline/sealing/sealed-layout";
import { BenchError } from "../harness/bench-error.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";

const ROUNDS = 7;
const SUBJECTS = 5_000;
const PASSES = 10;
const SHORT_SUBJECTS = 50;
const TRANSACTION_ID = `txn_${"0a".repeat(16)}`;
const FIELDS = {
  ...UNSENT_PERSONAL,
  email: "ada.lovelace@example.com",
  ipAddress: "2001:db8::5ca1:ab1e:0:77",
  deviceId: "f00dfeed-2b1d-4c3a-9e77-51de0c0ffee5",
  cardholder: "ADA LOVELACE",
};

/** The cost of sealing a payment's personal fields for known people, and of decrypting them. */
export const sealPart: BenchPart = {
  name: "seal",
  title: "personal fields of a payment: sealed with an existing data key of the person, and decrypted",
  async run(context) {
    const isShort = context.flags.short === true;
    const subjects = Array.from({ length: isShort ? SHORT_SUBJECTS : SUBJECTS }, () => ({
      tenant: "acme",
      cardToken: `ct_${randomBytes(16).toString("hex")}`,
      emailToken: `et_${randomBytes(16).toString("hex")}`,
    }));
    const masterKey = openMasterKey(randomBytes(32).toString("base64"));
    const logger = { error: (_fields: object, message: string) => process.stderr.write(`${message}\n`) };
    const sealer = new PersonalSealer({ masterKey, logger });
    await sealer.start();
    const sealed = subjects.map((subject) => {
      const made = sealer.seal(FIELDS, subject, TRANSACTION_ID);
      const parts = typeof made === "string" ? undefined : splitSealed(made.bytes);
      if (typeof made === "string" || made.newKey === undefined || parts === undefined) {
        throw new BenchError("Personal fields could not be sealed.");
      }
      made.newKey.stored();
      return { subject, key: made.newKey.key, bytes: parts.sealed };
    });
    const opener = new PersonalOpener(masterKey);
    const operations = subjects.length * PASSES;
    const contestants = [
      {
        name: "seal",
        meters: [ownCpu()],
        async run() {
          for (let pass = 0; pass < PASSES; pass += 1)
            for (const subject of subjects) sealer.seal(FIELDS, subject, TRANSACTION_ID);
          return { operations };
        },
      },
      {
        name: "open",
        meters: [ownCpu()],
        async run() {
          for (let pass = 0; pass < PASSES; pass += 1)
            for (const { subject, key, bytes } of sealed) await opener.open(bytes, key, subject, TRANSACTION_ID);
          return { operations };
        },
      },
    ];
    const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: 1 });
    sealer.close();
    return {
      contestants: measured,
      summary: {
        seal_us: samplesOf(measured, "seal", "cpu_us_per_op"),
        open_us: samplesOf(measured, "open", "cpu_us_per_op"),
      },
      notes: ["open_us: without the query to Postgres for the wrapped key, and with a cached envelope key."],
    };
  },
};

import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { compileEngine } from "./compile-engine.js";
import type { EntityState } from "./entity-state.js";
import { STATE_HEADER_BYTES } from "./state-codec.js";
import { stateKey } from "./state-key.js";

const engine = compileEngine(currentFeatureSpec());
const DAY_MS = 86_400_000;

/** A state after some events, given as (gap since the one before, amount). */
const states = fc
  .array(
    fc.tuple(
      fc.nat(4 * DAY_MS),
      fc.maxSafeNat().map((n) => Math.floor(n / 1e6)),
    ),
    { maxLength: 60 },
  )
  .map((gaps) => {
    const card = engine.decodeState("card", null);
    const terminal = engine.decodeState("terminal", null);
    let atMs = 1_700_000_000_000;
    gaps.forEach(([gapMs, amountMinor], index) => {
      atMs += gapMs;
      engine.applyPayment(card, terminal, {
        transactionId: `p${index}`,
        amountMinor,
        currency: "EUR",
        occurredAtMs: atMs,
      });
      engine.applyLabel(card, terminal, { labelId: `l${index}`, labelledAtMs: atMs, fraud: index % 3 === 0 });
    });
    return { card, terminal };
  });

function idsOf(state: EntityState): string[] {
  const ids: string[] = [];
  state.recentIds.forEach((high, low) => {
    ids.push(`${high}-${low}`);
  });
  return ids;
}

const unreadable = expect.objectContaining({ code: "state-unreadable" });

describe("encoded states", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(states, ({ card, terminal }) => {
        const bytes = engine.encodeState("card", card);
        const back = engine.decodeState("card", bytes);
        // All columns are kept for a card's payments.
        expect(back.payments.rings[1]).toEqual(card.payments.rings[1]);
        expect(back).toMatchObject({ sequence: card.sequence, payments: { newestMs: card.payments.newestMs } });
        expect(idsOf(back)).toEqual(idsOf(card));
        expect(engine.encodeState("card", back)).toEqual(bytes);
        const other = engine.encodeState("terminal", terminal);
        expect(engine.encodeState("terminal", engine.decodeState("terminal", other))).toEqual(other);
      }),
    );
  });

  test("cut anywhere are refused", () => {
    fc.assert(
      fc.property(states, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), ({ card }, share) => {
        const bytes = engine.encodeState("card", card);
        const cut = bytes.subarray(0, Math.floor(bytes.length * share));
        expect(() => engine.decodeState("card", cut)).toThrow(unreadable);
      }),
    );
  });

  test("with one byte changed are refused or still bounded and finite, never a crash", () => {
    fc.assert(
      fc.property(states, fc.nat(), fc.integer({ min: 0, max: 255 }), ({ card, terminal }, at, byte) => {
        const bytes = engine.encodeState("card", card);
        bytes[at % bytes.length] = byte;
        try {
          const damaged = engine.decodeState("card", bytes);
          const payment = { transactionId: "x", amountMinor: 1, currency: "EUR", occurredAtMs: 1_800_000_000_000 };
          const result = engine.applyPayment(damaged, terminal, payment);
          if (!result.duplicate) expect(result.values.every(Number.isFinite)).toBe(true);
        } catch (error) {
          expect(error).toEqual(unreadable);
        }
      }),
    );
  });

  test.each([
    ["another version", (bytes: Uint8Array) => bytes.fill(2, 0, 1), "version 2"],
    ["bytes after the end", (bytes: Uint8Array) => new Uint8Array([...bytes, 0]), "after its end"],
    ["too many ids", (bytes: Uint8Array) => bytes.fill(17, 13, 14), "17 recent ids"],
  ])("%s is refused with its reason", (_name, change, reason) => {
    const bytes = engine.encodeState("card", engine.decodeState("card", null));
    expect(() => engine.decodeState("card", change(bytes))).toThrow(
      expect.objectContaining({ code: "state-unreadable", message: expect.stringContaining(reason) }),
    );
  });

  test("of a spec with other windows, or of the other entity, are refused", () => {
    const other = parseFeatureSpec(
      JSON.stringify({
        version: 2,
        windows: { "1d": { width: "1d", tile: "2h" } },
        entities: { card: { key: "card_token" }, terminal: { key: "terminal_id" } },
        features: [{ name: "n", kind: "count", entity: "card", window: "1d", default: 0, sentence: "x" }],
      }),
    );
    const bytes = engine.encodeState("card", engine.decodeState("card", null));
    expect(() => compileEngine(other).decodeState("card", bytes)).toThrow(unreadable);
    expect(() => engine.decodeState("terminal", bytes)).toThrow(unreadable);
  });

  test("keep the order of recent ids, so that the oldest is forgotten first", () => {
    let card = engine.decodeState("card", null);
    const apply = (number: number) =>
      engine.applyLabel(card, engine.decodeState("terminal", null), {
        labelId: `l${number}`,
        labelledAtMs: 1000,
        fraud: true,
      });
    for (let number = 0; number < 20; number += 1) apply(number);
    card = engine.decodeState("card", engine.encodeState("card", card));
    apply(20);
    expect(apply(5)).toEqual({ duplicate: true });
    expect(apply(4)).toMatchObject({ duplicate: false });
  });

  test("have a head that differs after every change", () => {
    const card = engine.decodeState("card", null);
    const terminal = engine.decodeState("terminal", null);
    const heads = new Set<string>();
    for (let index = 0; index < 300; index += 1) {
      engine.applyLabel(card, terminal, { labelId: `l${index}`, labelledAtMs: 1000, fraud: true });
      heads.add(String(engine.encodeState("card", card).subarray(0, STATE_HEADER_BYTES)));
    }
    expect(heads.size).toBe(300);
  });
});

test("numbers of any size come back from a varint", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(127, 128, 2 ** 31, 2 ** 32))),
      (numbers) => {
        const writer = new ByteWriter(1);
        for (const number of numbers) {
          writer.varint(number);
          writer.u64(number);
        }
        const reader = new ByteReader(writer.copy());
        for (const number of numbers) expect([reader.varint(), reader.u64()]).toEqual([number, number]);
        expect(reader.atEnd()).toBe(true);
      },
    ),
  );
});

test("no two tenants share a key", () => {
  expect(stateKey("a", "card", "b:c")).not.toBe(stateKey("a:b", "card", "c"));
});

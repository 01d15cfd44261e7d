import { appliedOffset, decodeApplied, encodeApplied } from "./applied-batch.js";

const unreadable = { name: "TriplineError", code: "state-unreadable" };
const EMISSIONS = [
  { offset: 7, findings: Buffer.from("seven") },
  { offset: 2 ** 40, findings: Buffer.alloc(0) },
];

test("decodes an applied batch unchanged, and its header contains its end offset", () => {
  const bytes = encodeApplied({ offset: 2 ** 40, emissions: EMISSIONS });
  const back = decodeApplied(Buffer.from(bytes));
  expect(back).toEqual({ offset: 2 ** 40, emissions: EMISSIONS });
  expect(appliedOffset(bytes.subarray(0, 9))).toBe(2 ** 40);
  expect(appliedOffset(Buffer.alloc(0))).toBe(-1);
});

test("rejects a batch truncated at any position", () => {
  const bytes = encodeApplied({ offset: 7, emissions: EMISSIONS.slice(0, 1) });
  for (let end = 0; end < bytes.length; end += 1) {
    expect(() => decodeApplied(bytes.subarray(0, end))).toThrow(expect.objectContaining(unreadable));
  }
  expect(() => appliedOffset(Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0]))).toThrow(/version 3, .* version 2/);
});

import fc from "fast-check";
import { joinDecisions, splitDecisions } from "./decision-replies.js";
import { REPLY_DECISION, REPLY_DECISIONS } from "./redis-keys.js";

const decision = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));

test("splits a message into the replies that were joined", () => {
  fc.assert(
    fc.property(fc.array(decision, { minLength: 2, maxLength: 60 }), (decisions) => {
      const message = joinDecisions(decisions);
      expect(message[0]).toBe(REPLY_DECISIONS);
      expect(splitDecisions(message.subarray(1)).map((bytes) => bytes.toString("hex"))).toEqual(
        decisions.map((bytes) => bytes.toString("hex")),
      );
    }),
  );
});

test("a single reply is its type byte and its bytes", () => {
  expect(joinDecisions([Buffer.from("abc")])).toEqual(Buffer.from([REPLY_DECISION, 0x61, 0x62, 0x63]));
});

test("rejects a message truncated anywhere except between two decisions", () => {
  const content = joinDecisions([Buffer.from("abc"), Buffer.from("defgh")]).subarray(1);
  for (let length = 1; length < content.length; length += 1) {
    const cut = () => splitDecisions(content.subarray(0, length));
    if (length === 7) expect(cut()).toHaveLength(1);
    else expect(cut).toThrow(expect.objectContaining({ code: "message-unreadable" }));
  }
});

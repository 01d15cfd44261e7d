import { HeaderDecoder } from "./decode-headers.js";
import { encodeHeaders } from "./frames.js";
import { HUFFMAN_BITS } from "./hpack-tables.js";
import { ERRORS, Http2Error } from "./http2-error.js";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

test("reads the examples of RFC 7541, appendix C.4, which refer to each other", () => {
  const decoder = new HeaderDecoder();
  const first = { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "www.example.com" };
  expect(decoder.decode(bytes("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"))).toEqual(first);
  const second = { ...first, "cache-control": "no-cache" };
  expect(decoder.decode(bytes("8286 84be 5886 a8eb 1064 9cbf"))).toEqual(second);
  expect(decoder.decode(bytes("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"))).toEqual({
    ...first,
    ...{ ":scheme": "https", ":path": "/index.html", "custom-key": "custom-value" },
  });
});

test("every byte has a code, and together with the end's they use up all codes", () => {
  expect(HUFFMAN_BITS).toHaveLength(256);
  const end = 2 ** -30;
  expect(HUFFMAN_BITS.reduce((sum, bits) => sum + 2 ** -bits, end)).toBe(1);
});

test("what is encoded here can be read, however long, and goes into no table", () => {
  const headers = { ":status": "200", "x-long": "a".repeat(20_000), "x-empty": "" };
  const block = encodeHeaders(Object.entries(headers));
  const decoder = new HeaderDecoder();
  for (let times = 0; times < 2; times += 1) expect(decoder.decode(block)).toEqual(headers);
});

test("the oldest entries make room for new ones", () => {
  const decoder = new HeaderDecoder();
  const literal = (name: string, value: string): Buffer =>
    Buffer.concat([Buffer.of(0x40), encodeHeaders([[name, value]]).subarray(1)]);
  // An entry counts 32 bytes besides its text, and the table has 4,096.
  for (let entry = 0; entry < 50; entry += 1) decoder.decode(literal("name", `${entry}`.padStart(64, "0")));
  const newest = 62;
  expect(decoder.decode(Buffer.of(0x80 | newest))).toEqual({ name: "49".padStart(64, "0") });
  expect(decoder.decode(Buffer.of(0x80 | (newest + 39)))).toEqual({ name: "10".padStart(64, "0") });
  const tooOld = (): unknown => new HeaderDecoder().decode(Buffer.of(0x80 | newest));
  expect(tooOld).toThrow(Http2Error);
  expect(() => decoder.decode(Buffer.of(0x80 | (newest + 40)))).toThrow(Http2Error);
});

test("a table that is made small forgets", () => {
  const decoder = new HeaderDecoder();
  decoder.decode(bytes("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"));
  expect(decoder.decode(Buffer.of(0xbe))).toEqual({ ":authority": "www.example.com" });
  expect(() => decoder.decode(Buffer.of(0x20, 0xbe))).toThrow(Http2Error);
});

test("the values of a name that comes twice are joined", () => {
  const block = encodeHeaders([
    ["x", "1"],
    ["x", "2"],
  ]);
  expect(new HeaderDecoder().decode(block)).toEqual({ x: "1,2" });
});

test.each<[string, string, number]>([
  ["header 0", "80", ERRORS.compression],
  ["an entry that is not there", "ff 00", ERRORS.compression],
  ["a block that is cut off", "40", ERRORS.compression],
  ["a text that is cut off", "00 05 61", ERRORS.compression],
  ["a number without end", "ff ff ff ff ff ff 01", ERRORS.compression],
  ["padding of zeros", "00 81 18 00", ERRORS.compression],
  ["a byte of padding", "00 82 07 ff 00", ERRORS.compression],
  ["a larger table than was allowed", "3f e2 1f", ERRORS.compression],
  ["a table resized after a header", "82 20", ERRORS.compression],
])("%s is refused", (_case, hex, code) => {
  expect(() => new HeaderDecoder().decode(bytes(hex))).toThrow(expect.objectContaining({ code }));
});

test("a short block that stands for many headers is refused", () => {
  const decoder = new HeaderDecoder();
  const long = Buffer.concat([Buffer.of(0x40), encodeHeaders([["name", "v".repeat(3_000)]]).subarray(1)]);
  decoder.decode(long);
  expect(() => decoder.decode(Buffer.alloc(30, 0xbe))).toThrow(
    expect.objectContaining({ code: ERRORS.enhanceYourCalm }),
  );
});

import { isUtf8 } from "node:buffer";
import { decodeFields } from "./decode-fields.js";
import type { FeastValue } from "./value-types.js";
import { INT32_MAX } from "./value-types.js";

// A Value that contains one scalar is its tag followed by the scalar. Nearly all features have this form, and reading
// them without creating a reader object per value takes less than half the time, so these five tags are handled here
// and everything else in decodeFields.
const STRING_TAG = 0x12;
const INT32_TAG = 0x18;
const INT64_TAG = 0x20;
const DOUBLE_TAG = 0x29;
const FLOAT_TAG = 0x35;
const BOOL_TAG = 0x38;

/** Seven bytes of a varint have 49 bits, which a number can represent exactly. Longer varints are read as bigints. */
const SHORT_VARINT_BYTES_MAX = 7;

/**
 * Decodes a serialised `feast.types.Value`. An empty Value is null.
 *
 * @throws Error that describes the fault in the bytes
 */
export function decodeValue(bytes: Buffer): FeastValue {
  const length = bytes.length;
  if (length === 0) return null;
  switch (bytes[0]) {
    case DOUBLE_TAG:
      if (length === 9) return bytes.readDoubleLE(1);
      break;
    case FLOAT_TAG:
      if (length === 5) return bytes.readFloatLE(1);
      break;
    case INT32_TAG:
    case INT64_TAG: {
      const value = decodeShortVarint(bytes);
      if (value !== undefined && (bytes[0] === INT64_TAG || value <= INT32_MAX)) return value;
      break;
    }
    case BOOL_TAG:
      if (length === 2 && (bytes[1] === 0 || bytes[1] === 1)) return bytes[1] === 1;
      break;
    case STRING_TAG: {
      // A length below 128 takes only one byte.
      if (bytes[1] === length - 2 && length < 130) {
        if (!isUtf8(bytes.subarray(2))) throw new Error("contains a string that is not UTF-8");
        return bytes.toString("utf8", 2);
      }
      break;
    }
  }
  return decodeFields(bytes);
}

/** The varint in the remaining bytes, if it is short enough to be an exact positive number. */
function decodeShortVarint(bytes: Buffer): number | undefined {
  const length = bytes.length;
  if (length > 1 + SHORT_VARINT_BYTES_MAX) return undefined;
  let value = 0;
  let scale = 1;
  for (let index = 1; index < length; index += 1) {
    const byte = bytes[index] as number;
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) return index === length - 1 ? value : undefined;
  }
  return undefined;
}

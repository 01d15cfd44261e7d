/**
 * A small assembler for WebAssembly: functions named like their instructions. Opcodes and sections are from
 * https://webassembly.github.io/spec/core/binary/, vector opcodes from its SIMD chapter.
 */

/** Instructions, nested as they are composed. */
export type Code = readonly (number | Code)[];

export const I32 = 0x7f;
export const V128 = 0x7b;
const MEMORY = ["env", "memory"] as const;
const FUNCTION_TYPE = 0x60;
const NO_RESULT = 0x40;
const [END, TYPES, IMPORTS, FUNCTIONS, EXPORTS, CODES] = [0x0b, 1, 2, 3, 7, 10];
const HEAD = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** An unsigned number as LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

/** A signed 32-bit number as LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const low = rest & 0x7f;
    const isLast = rest >> 6 === 0 || rest >> 6 === -1;
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

const plain = (opcode: number) => (): Code => [opcode];
const ofLocal = (opcode: number) => (local: number) => [opcode, ...unsigned(local)];
/** Reads or writes memory at an address on the stack plus `offset`; alignment is only a hint. */
const ofMemory = (opcode: number) => (offset: number) => [opcode, 0, ...unsigned(offset)];
const vector = (opcode: number) => (): Code => [0xfd, ...unsigned(opcode)];
const vectorOfMemory = (opcode: number) => (offset: number) => [0xfd, ...unsigned(opcode), 0, ...unsigned(offset)];

export const get = ofLocal(0x20);
export const set = ofLocal(0x21);
export const tee = ofLocal(0x22);
export const constant = (value: number): Code => [0x41, ...signed(value)];
/** a b condition → a if the condition is not 0, else b */
export const select = plain(0x1b);
export const loop = (body: Code): Code => [0x03, NO_RESULT, body, END];
/** Continues the loop this many levels out if the condition on the stack is not 0. */
export const againIf = (levels: number): Code => [0x0d, ...unsigned(levels)];

export const i32 = {
  load: ofMemory(0x28),
  loadByte: ofMemory(0x2d),
  loadShort: ofMemory(0x2f),
  storeByte: ofMemory(0x3a),
  storeShort: ofMemory(0x3b),
  lessSigned: plain(0x48),
  lessUnsigned: plain(0x49),
  greaterSigned: plain(0x4a),
  add: plain(0x6a),
  subtract: plain(0x6b),
  and: plain(0x71),
  xor: plain(0x73),
  shiftLeft: plain(0x74),
  shiftRightSigned: plain(0x75),
  shiftRight: plain(0x76),
  /** The bits of a float. */
  ofFloat: plain(0xbc),
};

export const f32 = {
  load: ofMemory(0x2a),
  store: ofMemory(0x38),
  zero: (): Code => [0x43, 0, 0, 0, 0],
  add: plain(0x92),
};

export const v128 = {
  load: vectorOfMemory(0),
  /** The 4 bytes at an address, four times. */
  splat4: vectorOfMemory(9),
  store: vectorOfMemory(11),
  /** a b mask → the bits of a where the mask has a 1, else the bits of b */
  choose: vector(0x52),
  /** 16 signed bytes each: -1 where a > b, else 0. */
  greaterBytes: vector(0x27),
  subtractBytes: vector(0x71),
};

export interface WasmFunction {
  readonly name: string;
  /** All i32; they are locals 0, 1, … */
  readonly parameters: number;
  /** Types of the locals that follow the parameters. */
  readonly locals: readonly number[];
  readonly code: Code;
}

/** A module that imports `env.memory` and exports the functions, none of which has a result. */
export function encodeModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [FUNCTION_TYPE, ...list(new Array(parameters).fill([I32])), 0]);
  const memory = [...text(MEMORY[0]), ...text(MEMORY[1]), 2, 0, 1];
  const exported = functions.map(({ name }, index) => [...text(name), 0, ...unsigned(index)]);
  const bodies = functions.map(({ locals, code }) => {
    const body = [...list(locals.map((type) => [1, type])), ...flatten(code), END];
    return [...unsigned(body.length), ...body];
  });
  return Uint8Array.from([
    ...HEAD,
    ...section(TYPES, list(types)),
    ...section(IMPORTS, list([memory])),
    ...section(FUNCTIONS, list(functions.map((_, index) => unsigned(index)))),
    ...section(EXPORTS, list(exported)),
    ...section(CODES, list(bodies)),
  ]);
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): number[] {
  return list([...Buffer.from(value)].map((byte) => [byte]));
}

function section(id: number, content: readonly number[]): number[] {
  // One array at a time, because spreading a large array as arguments would overflow the stack.
  return [id, ...unsigned(content.length)].concat(content);
}

function flatten(code: Code): number[] {
  return code.flat(Number.POSITIVE_INFINITY as 20) as number[];
}

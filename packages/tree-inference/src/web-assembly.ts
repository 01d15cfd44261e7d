/**
 * The part of WebAssembly's interface that is used here: https://webassembly.github.io/spec/js-api/. It is missing in
 * Node's types.
 */
interface WebAssemblyInterface {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface };
const PAGE_BYTES = 65_536;

/** @param bytes fixed size of the code's memory */
export function instantiate(
  code: Uint8Array<ArrayBuffer>,
  bytes: number,
): { memory: ArrayBuffer; functions: Readonly<Record<string, unknown>> } {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
  return { memory: memory.buffer, functions: instance.exports };
}

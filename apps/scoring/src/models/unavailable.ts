import type { ExecutionProvider } from "./execution-providers.js";

/** A requested provider that does not run the model. */
export interface Unavailable {
  readonly provider: ExecutionProvider;
  readonly reason: string;
}

/** Recognises messages of CUDA, cuBLAS and onnxruntime's allocator. */
export function isOutOfMemory(reason: string): boolean {
  return /out of memory|failed to allocate memory|alloc_failed/i.test(reason);
}

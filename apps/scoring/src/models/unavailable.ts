import type { ExecutionProvider } from "./execution-providers.js";

/** A provider that was asked for and does not run the model. */
export interface Unavailable {
  readonly provider: ExecutionProvider;
  readonly reason: string;
}

/** By what CUDA, cuBLAS and onnxruntime's allocator say. */
export function isOutOfMemory(reason: string): boolean {
  return /out of memory|failed to allocate memory|alloc_failed/i.test(reason);
}

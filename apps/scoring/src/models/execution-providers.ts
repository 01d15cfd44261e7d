/** Execution providers; which of them are available depends on the platform and its libraries. */
export const ONNX_PROVIDERS = ["cpu", "cuda", "tensorrt", "webgpu", "dml", "coreml"] as const;

/** `trees` is packages/tree-inference, for tree models. */
export const EXECUTION_PROVIDERS = ["trees", ...ONNX_PROVIDERS] as const;

export type OnnxProvider = (typeof ONNX_PROVIDERS)[number];
export type ExecutionProvider = (typeof EXECUTION_PROVIDERS)[number];

/** onnxruntime's names of its providers, as in its profiles. */
export const PROFILE_NAMES: Readonly<Record<OnnxProvider, string>> = {
  cpu: "CPUExecutionProvider",
  cuda: "CUDAExecutionProvider",
  tensorrt: "TensorrtExecutionProvider",
  webgpu: "WebGpuExecutionProvider",
  dml: "DmlExecutionProvider",
  coreml: "CoreMLExecutionProvider",
};

export function isOnnx(provider: ExecutionProvider): provider is OnnxProvider {
  return provider !== "trees";
}

/** CoreML decides by itself between CPU, GPU and neural engine, so it does not count as one. */
export function isGpu(provider: ExecutionProvider): boolean {
  return !["trees", "cpu", "coreml"].includes(provider);
}

/**
 * Default for the most rows of a run: it takes a few milliseconds, so that the next request does not wait for long. A GPU
 * pays off only with many rows.
 */
export function rowsPerRunOf(provider: ExecutionProvider): number {
  if (provider === "trees") return 2_048;
  return isGpu(provider) ? 4_096 : 512;
}

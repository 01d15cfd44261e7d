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

/** Whether it runs the variant for accelerators: the tensor twin of trees, or a network. */
export function isAccelerator(provider: ExecutionProvider): provider is Exclude<OnnxProvider, "cpu"> {
  return provider !== "trees" && provider !== "cpu";
}

/** CoreML decides by itself between CPU, GPU and neural engine, so it does not count as one. */
export function isGpu(provider: ExecutionProvider): boolean {
  return isAccelerator(provider) && provider !== "coreml";
}

/**
 * Default for the most rows of a run: it takes a few milliseconds, so that the next request does not wait for long. A GPU
 * pays off only with many rows.
 */
export function rowsPerRunOf(provider: ExecutionProvider): number {
  if (provider === "trees") return 2_048;
  return isGpu(provider) ? 4_096 : 512;
}

/** Execution providers. Their availability depends on the platform and its libraries. */
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

/** Whether it runs models as tensors: the tensor twin of trees, or a network. */
export function isAccelerator(provider: ExecutionProvider): provider is Exclude<OnnxProvider, "cpu"> {
  return provider !== "trees" && provider !== "cpu";
}

/** CoreML is not considered a GPU, because it chooses between CPU, GPU and neural engine itself. */
export function isGpu(provider: ExecutionProvider): boolean {
  return isAccelerator(provider) && provider !== "coreml";
}

/**
 * Default maximum of rows per run, chosen so that a run takes only a few milliseconds and the next request does not
 * wait long. A GPU needs many rows to be worthwhile.
 */
export function rowsPerRunOf(provider: ExecutionProvider): number {
  if (provider === "trees") return 2_048;
  return isGpu(provider) ? 4_096 : 512;
}

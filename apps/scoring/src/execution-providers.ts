/** What onnxruntime can be asked to run on; which of these are there depends on the platform and its libraries. */
export const EXECUTION_PROVIDERS = ["cpu", "cuda", "tensorrt", "webgpu", "dml", "coreml"] as const;

export type ExecutionProvider = (typeof EXECUTION_PROVIDERS)[number];

/** onnxruntime's names of its providers, as its profiles write them. */
export const PROFILE_NAMES: Readonly<Record<ExecutionProvider, string>> = {
  cpu: "CPUExecutionProvider",
  cuda: "CUDAExecutionProvider",
  tensorrt: "TensorrtExecutionProvider",
  webgpu: "WebGpuExecutionProvider",
  dml: "DmlExecutionProvider",
  coreml: "CoreMLExecutionProvider",
};

/** CoreML decides by itself between CPU, GPU and neural engine, so it does not count as one. */
export function isGpu(provider: ExecutionProvider): boolean {
  return provider !== "cpu" && provider !== "coreml";
}

/** What onnxruntime can be asked to run on; which of these are there depends on the platform and its libraries. */
export const ONNX_PROVIDERS = ["cpu", "cuda", "tensorrt", "webgpu", "dml", "coreml"] as const;

/** `trees` is packages/tree-inference, for models that are trees and little else. */
export const EXECUTION_PROVIDERS = ["trees", ...ONNX_PROVIDERS] as const;

export type OnnxProvider = (typeof ONNX_PROVIDERS)[number];
export type ExecutionProvider = (typeof EXECUTION_PROVIDERS)[number];

/** onnxruntime's names of its providers, as its profiles write them. */
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
 * Most rows of a run where nobody says: a few milliseconds of it, so that who comes after it does not wait for long. A GPU
 * needs many rows to be worth its while.
 */
export function rowsPerRunOf(provider: ExecutionProvider): number {
  if (provider === "trees") return 2_048;
  return isGpu(provider) ? 4_096 : 512;
}

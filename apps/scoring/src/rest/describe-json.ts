import type { ModelConfig } from "@tripline/contracts/generated/inference/model_config";
import { DataType, ModelInstanceGroup_Kind } from "@tripline/contracts/generated/inference/model_config";

/** A message as JSON, with the field names of its .proto file. For messages without enumerations and choices. */
export function messageJson(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(messageJson);
  if (typeof message !== "object" || message === null) return message;
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      messageJson(value),
    ]),
  );
}

/** A model's configuration as Triton writes it in JSON. */
export function configJson(config: ModelConfig): unknown {
  const { input, output, instanceGroup, dynamicBatching, versionPolicy, ...plain } = config;
  const policy = versionPolicy?.policyChoice;
  const queuePolicy = dynamicBatching?.defaultQueuePolicy;
  const tensor = ({ name, dataType, dims }: ModelConfig["input"][number]) => ({
    name,
    data_type: DataType[dataType],
    dims,
  });
  return {
    ...Object(messageJson(plain)),
    version_policy: policy === undefined ? {} : { [policy.$case]: messageJson(policy.value) },
    input: input.map(tensor),
    output: output.map(tensor),
    instance_group: instanceGroup.map(({ name, count, kind }) => ({
      name,
      count,
      kind: `KIND_${ModelInstanceGroup_Kind[kind]}`,
    })),
    dynamic_batching: {
      ...Object(messageJson(dynamicBatching)),
      default_queue_policy: {
        ...Object(messageJson(queuePolicy)),
        timeout_action: queuePolicy?.timeoutAction === 1 ? "DELAY" : "REJECT",
      },
    },
  };
}

import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";
import type { ModelPlace, NarrativeModel } from "./narrative-model.js";
import { ANSWER_TOKENS_MAX } from "./narrative-model.js";

/** AWS Bedrock with its Converse API, which supports all of its models. AWS's own library finds the credentials. */
export function openBedrock({ model, endpoint, region, waitMs }: ModelPlace): NarrativeModel {
  const client = new BedrockRuntimeClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 1,
    requestHandler: { requestTimeout: waitMs, sessionTimeout: waitMs },
  });
  return {
    name: model,
    async write({ task, facts }, abortSignal) {
      const asked = new ConverseCommand({
        modelId: model,
        system: [{ text: task }],
        messages: [{ role: "user", content: [{ text: facts }] }],
        inferenceConfig: { maxTokens: ANSWER_TOKENS_MAX },
      });
      const { output } = await client.send(asked, { abortSignal });
      return (output?.message?.content ?? []).map(({ text = "" }) => text).join("");
    },
  };
}

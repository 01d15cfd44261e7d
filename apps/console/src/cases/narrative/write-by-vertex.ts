import { GoogleGenAI } from "@google/genai";
import type { ModelPlace, NarrativeModel } from "./narrative-model.js";
import { ANSWER_TOKENS_MAX } from "./narrative-model.js";

/** Vertex AI. Google's own library finds the credentials. */
export function openVertex({ model, endpoint, region, project, waitMs }: ModelPlace): NarrativeModel {
  const client = new GoogleGenAI({
    vertexai: true,
    // The second `project` prevents a request to Google for the project's name.
    ...(project === undefined ? {} : { project, googleAuthOptions: { projectId: project } }),
    ...(region === undefined ? {} : { location: region }),
    httpOptions: { timeout: waitMs, retryOptions: { attempts: 1 }, ...(endpoint && { baseUrl: endpoint }) },
  });
  return {
    name: model,
    async write({ task, facts }, abortSignal) {
      const config = { systemInstruction: task, maxOutputTokens: ANSWER_TOKENS_MAX, abortSignal };
      const { text } = await client.models.generateContent({ model, contents: facts, config });
      return text ?? "";
    },
  };
}

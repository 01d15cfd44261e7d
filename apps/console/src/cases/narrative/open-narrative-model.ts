import type { ModelPlace, NarrativeModel } from "./narrative-model.js";

/** Loads only the library of that cloud and sends nothing. */
export async function openNarrativeModel(place: ModelPlace): Promise<NarrativeModel> {
  if (place.kind === "bedrock") return (await import("./write-by-bedrock.js")).openBedrock(place);
  if (place.kind === "azure") return (await import("./write-by-azure.js")).openAzure(place);
  return (await import("./write-by-vertex.js")).openVertex(place);
}

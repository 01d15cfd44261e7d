import { z } from "zod";
import type { AskedSystem, StockClient } from "./stock-client.js";
import { attempt, expectSame, expectScores, findTool, runTool } from "./stock-client.js";

const SERVICE = "inference.GRPCInferenceService";

const metadata = z.object({ name: z.string(), versions: z.array(z.string()) });
const inference = z.object({
  model_version: z.string(),
  outputs: z.array(z.object({ name: z.string(), contents: z.object({ fp32_contents: z.array(z.number()) }) })),
});

/** grpcurl, which knows the services only through reflection. */
export const grpcurl: StockClient = {
  tool: "grpcurl",
  find: (environment) => findTool(environment, { variable: "GRPCURL_BIN", names: ["grpcurl"], version: "-version" }),
  request: async ({ path }, { scoringAddress, champion }) => {
    const { name, version, golden } = champion;
    const call = (words: readonly string[], message?: object): Promise<string> => {
      const data = message === undefined ? [] : ["-d", "@"];
      return runTool(path, ["-plaintext", ...data, scoringAddress, ...words], { input: JSON.stringify(message) });
    };
    return [
      await attempt("list and describe by reflection", async () => {
        const listed = (await call(["list"])).trim().split("\n");
        const wanted = ["grpc.health.v1.Health", SERVICE];
        expectSame(
          "services",
          wanted.filter((service) => listed.includes(service)),
          wanted,
        );
        const described = await call(["describe", "inference.ModelInferRequest"]);
        if (!/^ *string model_name = 1;$/m.test(described)) throw new Error(`described as ${described}`);
      }),
      await attempt("health of the service", async () => {
        const answer = JSON.parse(await call(["grpc.health.v1.Health/Check"], { service: SERVICE }));
        expectSame("health", answer, { status: "SERVING" });
      }),
      await attempt("metadata of the champion", async () => {
        const described = metadata.parse(JSON.parse(await call([`${SERVICE}/ModelMetadata`], { name })));
        expectSame("metadata", [described.name, described.versions], [name, [version]]);
      }),
      await attempt("golden batch as JSON, with the field names of the .proto file", async () => {
        const answer = inference.parse(JSON.parse(await call([`${SERVICE}/ModelInfer`], request(champion))));
        const [output] = answer.outputs;
        expectSame("model and output", [answer.model_version, output?.name], [version, "probability"]);
        expectScores(output?.contents.fp32_contents ?? [], golden);
      }),
    ];
  },
};

function request({ name, golden }: AskedSystem["champion"]): object {
  const shape = [golden.inputs.length, golden.inputs[0]?.length ?? 0];
  const contents = { fp32_contents: golden.inputs.flat() };
  return { model_name: name, inputs: [{ name: "features", datatype: "FP32", shape, contents }] };
}

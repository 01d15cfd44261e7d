import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { Server } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";

const PROTOCOL = "inference/grpc_predict_v2.proto";
const HEALTH = "grpc/health/v1/health.proto";

/** Tells clients such as grpcurl what is served, with the field names of the `.proto` files, which the protocol calls for. */
export function addReflection(grpc: Server): void {
  const protocol = createRequire(import.meta.url).resolve(`@tripline/contracts/proto/${PROTOCOL}`);
  const root = dirname(dirname(protocol));
  new ReflectionService(loadSync([PROTOCOL, HEALTH], { includeDirs: [root], keepCase: true })).addToServer(grpc);
}

import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Server } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";

const PROTOCOL = "inference/grpc_predict_v2.proto";
const HEALTH = "grpc/health/v1/health.proto";

/** Tells clients such as grpcurl what is served, with the field names of the `.proto` files, which the protocol calls for. */
export function addReflection(grpc: Server): void {
  const protocol = createRequire(import.meta.url).resolve(`@tripline/contracts/proto/${PROTOCOL}`);
  const root = dirname(dirname(protocol));
  const loaded = loadSync([PROTOCOL, HEALTH], { includeDirs: [root], keepCase: true });
  // All definitions share one array of files.
  for (const files of new Set(Object.values(loaded).map(({ fileDescriptorProtos }) => fileDescriptorProtos))) {
    if (Array.isArray(files)) files.splice(0, files.length, ...files.map(withMapEntries));
  }
  new ReflectionService(loaded).addToServer(grpc);
}

/**
 * The library calls the message of a map's entries by the name of the field alone. Go's library, and so grpcurl, reads only a file
 * in which it has the name that protoc gives it.
 */
function withMapEntries(bytes: Buffer): Buffer {
  const file = fromBinary(FileDescriptorProtoSchema, bytes);
  file.messageType.forEach(nameMapEntries);
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file));
}

function nameMapEntries({ field: fields, nestedType }: DescriptorProto): void {
  for (const nested of nestedType) {
    nameMapEntries(nested);
    const field = fields.find(({ typeName }) => typeName === nested.name);
    if (nested.options?.mapEntry !== true || field === undefined) continue;
    nested.name = `${field.name.replaceAll(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase())}Entry`;
    field.typeName = nested.name;
  }
}

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

/** Describes the services to clients such as grpcurl, with the field names of the `.proto` files. */
export function addReflection(grpc: Server): void {
  const protocol = createRequire(import.meta.url).resolve(`@tripline/contracts/proto/${PROTOCOL}`);
  const root = dirname(dirname(protocol));
  const loaded = loadSync([PROTOCOL, HEALTH], { includeDirs: [root], keepCase: true });
  // Definitions may share an array of files.
  for (const files of new Set(Object.values(loaded).map(({ fileDescriptorProtos }) => fileDescriptorProtos))) {
    if (Array.isArray(files)) files.splice(0, files.length, ...files.map(withMapEntries));
  }
  new ReflectionService(loaded).addToServer(grpc);
}

/**
 * The library names the entry message of a map after its field. Go's library, which grpcurl uses, requires the name
 * that protoc generates.
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

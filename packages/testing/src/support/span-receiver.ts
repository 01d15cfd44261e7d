import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export type ReceivedValue = string | number | boolean;

export interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: string;
  readonly attributes: Readonly<Record<string, ReceivedValue>>;
  /** Whether its status is an error. */
  readonly isFailed: boolean;
}

export interface ReceivedLog {
  readonly service: string;
  readonly traceId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, ReceivedValue>>;
}

/** Receives spans and logs over OTLP/HTTP in protobuf, as a collector does. */
export class SpanReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly logs: ReceivedLog[] = [];
  /** The request bodies. */
  readonly bodies: Buffer[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void buffer(request).then((body) => {
        const isProtobuf = request.headers["content-type"] === "application/x-protobuf";
        const isKnown = isProtobuf && this.#take(request.url, body);
        response.writeHead(isKnown ? 200 : 404, { "content-type": "application/x-protobuf" }).end();
      });
    });
    // A busy client could send a request on a connection that is just being closed.
    this.#server.keepAliveTimeout = 0;
  }

  static async start(): Promise<SpanReceiver> {
    const receiver = new SpanReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #take(path: string | undefined, body: Buffer): boolean {
    if (path === "/v1/traces") this.spans.push(...readRecords(body).map(readSpan));
    else if (path === "/v1/logs") this.logs.push(...readRecords(body).map(readLog));
    else return false;
    this.bodies.push(body);
    return true;
  }
}

/** An encoded span or log record, and its sender. */
interface ReceivedRecord {
  readonly service: string;
  readonly record: Uint8Array;
}

/**
 * `ExportTraceServiceRequest` and `ExportLogsServiceRequest` of opentelemetry/proto/collector have the same structure:
 * they contain records by scope, and scopes by resource.
 */
function readRecords(body: Uint8Array): ReceivedRecord[] {
  return fieldsOf(body, 1).flatMap((ofResource) => {
    const resource = Object.assign({}, ...fieldsOf(ofResource, 1).map((message) => attributesOf(message, 1)));
    const service = String(resource["service.name"] ?? "");
    return fieldsOf(ofResource, 2)
      .flatMap((ofScope) => fieldsOf(ofScope, 2))
      .map((record) => ({ service, record }));
  });
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUS_ERROR = 2;

/** `Span` of opentelemetry/proto/trace/v1. */
function readSpan({ service, record }: ReceivedRecord): ReceivedSpan {
  const [status = new Uint8Array()] = fieldsOf(record, 15);
  return {
    service,
    traceId: hexOf(record, 1),
    spanId: hexOf(record, 2),
    parentId: hexOf(record, 4),
    name: textOf(record, 5),
    kind: KINDS[numberOf(record, 6)] ?? "",
    attributes: attributesOf(record, 9),
    isFailed: numberOf(status, 3) === STATUS_ERROR,
  };
}

/** `LogRecord` of opentelemetry/proto/logs/v1. */
function readLog({ service, record }: ReceivedRecord): ReceivedLog {
  const [body = new Uint8Array()] = fieldsOf(record, 5);
  return { service, traceId: hexOf(record, 9), body: textOf(body, 1), attributes: attributesOf(record, 6) };
}

function attributesOf(message: Uint8Array, number: number): Record<string, ReceivedValue> {
  const pairs = fieldsOf(message, number).map((pair) => [textOf(pair, 1), readValue(fieldsOf(pair, 2)[0])] as const);
  return Object.fromEntries(pairs);
}

/** `AnyValue`. Spans contain no lists or maps; logs contain some, but no test reads them. */
function readValue(value: Uint8Array = new Uint8Array()): ReceivedValue {
  const reader = new BinaryReader(value);
  if (reader.pos >= reader.len) return "";
  const [number] = reader.tag();
  if (number === 1) return reader.string();
  if (number === 2) return reader.bool();
  if (number === 3) return Number(reader.int64());
  if (number === 4) return reader.double();
  return `(${number === 5 ? "a list" : "a map"})`;
}

const hexOf = (message: Uint8Array, number: number): string =>
  Buffer.from(fieldsOf(message, number)[0] ?? []).toString("hex");

const textOf = (message: Uint8Array, number: number): string =>
  Buffer.from(fieldsOf(message, number)[0] ?? []).toString("utf8");

/** All values of a field that contains a message, bytes or text. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  return readFields(message, wanted, WireType.LengthDelimited, (reader) => reader.bytes());
}

/** The value of a number or enum field; 0 if it is absent. */
function numberOf(message: Uint8Array, wanted: number): number {
  return readFields(message, wanted, WireType.Varint, (reader) => reader.uint32())[0] ?? 0;
}

function readFields<T>(message: Uint8Array, wanted: number, wire: WireType, read: (from: BinaryReader) => T): T[] {
  const reader = new BinaryReader(message);
  const found: T[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === wanted && type === wire) found.push(read(reader));
    else reader.skip(type, number);
  }
  return found;
}

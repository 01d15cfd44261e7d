import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly name: string;
}

/** Takes spans over OTLP/HTTP in protobuf, as a collector does. */
export class SpanReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void buffer(request).then((body) => {
        const isExport = request.url === "/v1/traces" && request.headers["content-type"] === "application/x-protobuf";
        if (isExport) this.spans.push(...readSpans(body));
        response.writeHead(isExport ? 200 : 404, { "content-type": "application/x-protobuf" }).end();
      });
    });
  }

  static async start(): Promise<SpanReceiver> {
    const receiver = new SpanReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** `ExportTraceServiceRequest` of opentelemetry/proto/collector/trace/v1: resource spans, scope spans, spans. */
function readSpans(body: Uint8Array): ReceivedSpan[] {
  return fieldsOf(body, 1).flatMap((resourceSpans) => {
    const attributes = fieldsOf(resourceSpans, 1).flatMap((resource) => fieldsOf(resource, 1));
    const named = attributes.find((attribute) => textOf(attribute, 1) === "service.name");
    const service = named === undefined ? "" : fieldsOf(named, 2).map((value) => textOf(value, 1))[0];
    const spans = fieldsOf(resourceSpans, 2).flatMap((scopeSpans) => fieldsOf(scopeSpans, 2));
    return spans.map((span) => ({
      service: service ?? "",
      traceId: Buffer.from(fieldsOf(span, 1)[0] ?? []).toString("hex"),
      name: textOf(span, 5),
    }));
  });
}

const textOf = (message: Uint8Array, number: number): string =>
  Buffer.from(fieldsOf(message, number)[0] ?? []).toString("utf8");

/** Every value of a field that holds a message, bytes or text. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === wanted && type === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(type, number);
  }
  return found;
}

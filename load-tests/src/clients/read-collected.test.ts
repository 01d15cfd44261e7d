import { readCollected } from "./read-collected.js";

const ID = "0af7651916cd43dd8448eb211c80319c";
const PRINTED = `2026-01-01T00:00:00.000Z\tinfo\tTraces\t{"resource spans": 2, "spans": 2}
2026-01-01T00:00:00.000Z\tinfo\tResourceSpans #0
Resource SchemaURL: 
Resource attributes:
     -> service.name: Str(ingestion)
     -> process.pid: Int(7)
ScopeSpans #0
Span #0
    Trace ID       : ${ID}
    Name           : POST /v1/transactions
Attributes:
     -> url.path: Str(/v1/transactions)
Links:
     -> Trace ID: 4bf92f3577b34da6a3ce929d0e0e4736
Span #1
    Trace ID       : ${ID}
ResourceSpans #1
Resource attributes:
     -> service.name: Str(features)
ScopeSpans #0
\t{"resource": {"service.name": "otelcol"}}
2026-01-01T00:00:01.000Z\tinfo\tResourceLog #0
Resource attributes:
     -> service.name: Str(audit (old))
ScopeLogs #0
LogRecord #0
Body: Str(up)
Trace ID: 
`;

test("reads each resource with its signal, its attributes and its trace IDs", () => {
  expect(readCollected(PRINTED)).toEqual([
    { signal: "spans", resource: { "service.name": "ingestion", "process.pid": "7" }, traceIds: [ID] },
    { signal: "spans", resource: { "service.name": "features" }, traceIds: [] },
    { signal: "logs", resource: { "service.name": "audit (old)" }, traceIds: [] },
  ]);
  expect(readCollected("")).toEqual([]);
});

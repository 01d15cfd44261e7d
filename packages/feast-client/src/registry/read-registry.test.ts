import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { parseRegistry, readRegistry } from "./read-registry.js";

/** A message with text, number or message fields, by field number. */
function message(fields: readonly (readonly [number, string | number | Uint8Array])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === "number") writer.tag(number, WireType.Varint).int64(value);
    else if (typeof value === "string") writer.tag(number, WireType.LengthDelimited).string(value);
    else writer.tag(number, WireType.LengthDelimited).bytes(value);
  }
  return writer.finish();
}

const PROJECT: [number, Uint8Array] = [17, message([[1, message([[1, "here"]])]])];

function view(project: string, name: string, joinKeyType: number, featureType: number): [number, Uint8Array] {
  const spec = message([
    [1, name],
    [2, project],
    [3, "card"],
    [
      4,
      message([
        [1, "mean"],
        [2, featureType],
      ]),
    ],
    [
      6,
      message([
        [1, 90],
        [2, 500_000_000],
      ]),
    ],
    [
      12,
      message([
        [1, "card_id"],
        [2, joinKeyType],
      ]),
    ],
  ]);
  return [6, message([[1, spec]])];
}

function entity(project: string, joinKey: string): [number, Uint8Array] {
  return [
    1,
    message([
      [
        1,
        message([
          [1, "card"],
          [2, 2],
          [4, joinKey],
          [9, project],
        ]),
      ],
    ]),
  ];
}

test("ignores objects of other projects", () => {
  const bytes = message([
    PROJECT,
    entity("here", "card_id"),
    entity("there", "number"),
    view("there", "theirs", 2, 5),
    view("here", "ours", 4, 5),
  ]);
  expect(parseRegistry(bytes, { project: "here" })).toEqual({
    project: "here",
    featureViews: [
      { name: "ours", joinKeys: { card_id: "INT64" }, features: { mean: "DOUBLE" }, maxAgeMs: 90_500, version: 0 },
    ],
    formerVersions: [],
    featureServices: [],
    onDemandFeatureViews: [],
    keepsVersionsOnline: false,
  });
});

test("reads a future type as unknown, and images as bytes", () => {
  const bytes = message([PROJECT, entity("here", "card_id"), view("here", "a", 2, 99), view("here", "b", 2, 31)]);
  const { featureViews } = parseRegistry(bytes, { project: "here" });
  expect(featureViews.map(({ features }) => features.mean)).toEqual(["UNKNOWN", "BYTES"]);
});

test("reports a join key of a type that Feast cannot look up", () => {
  const bytes = message([PROJECT, entity("here", "card_id"), view("here", "a", 5, 5)]);
  expect(() => parseRegistry(bytes, { project: "here" })).toThrow(
    expect.objectContaining({ code: "unsupported", field: "a:card_id", message: expect.stringContaining("DOUBLE") }),
  );
});

test("reports a missing project, and lists the existing ones", () => {
  expect(() => parseRegistry(message([PROJECT]), { project: "nope" })).toThrow(
    expect.objectContaining({ code: "invalid-request", message: "The registry has no project nope; it has here." }),
  );
});

test("rejects the registry of a newer Feast, and reads one with this schema", () => {
  const of = (version: string) => () => parseRegistry(message([[3, version], PROJECT]), { project: "here" });
  expect(of("1")).not.toThrow();
  expect(of("2")).toThrow(
    expect.objectContaining({
      code: "unsupported",
      message:
        "The registry has schema version 2, but this client reads version 1: a newer version of Feast wrote the registry.",
    }),
  );
});

test("rejects bytes that are not a registry", () => {
  expect(() => parseRegistry(Buffer.from("not a registry"), { project: "here" })).toThrow(
    expect.objectContaining({ code: "malformed-response", field: "registry" }),
  );
});

test("reads a registry from its file, and reports a missing file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "feast-registry-"));
  try {
    const path = join(folder, "registry.db");
    await expect(readRegistry(path, { project: "here" })).rejects.toMatchObject({ code: "unavailable", field: path });
    writeFileSync(path, message([PROJECT]));
    expect((await readRegistry(path, { project: "here" })).featureViews).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

interface Manifest {
  readonly name: string;
  readonly exports: Record<string, { types: string; default: string }>;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
}

const manifest = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as Manifest;

/** The files that `npm publish` would include. */
function packedFiles(): string[] {
  const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: PACKAGE,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const listed = JSON.parse(output) as unknown;
  // An array of packages; newer versions of npm return an object by name.
  const [packed] = Object.values(listed as Record<string, { files: { path: string }[] }>);
  return (packed?.files ?? []).map(({ path }) => path);
}

test("the package contains only its code, types, README and LICENSE", () => {
  const files = packedFiles();
  const others = files.filter((path) => !/^dist\/[a-z/-]+\.(js|d\.ts)$/.test(path));
  expect(others.sort()).toEqual(["LICENSE", "README.md", "package.json"]);
  expect(files.filter((path) => /test/.test(path))).toEqual([]);
  for (const { types, default: code } of Object.values(manifest.exports)) {
    expect(files).toContain(types.replace("./", ""));
    expect(files).toContain(code.replace("./", ""));
  }
});

test("the code imports only declared dependencies, and each entry point only what it needs", () => {
  const allowed = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]);
  expect([...allowed].filter((name) => name.startsWith("@tripline/"))).toEqual([]);
  for (const [entry, { default: code, types }] of Object.entries(manifest.exports)) {
    const packages = new Set([...importedPackages(join(PACKAGE, code)), ...importedPackages(join(PACKAGE, types))]);
    expect([entry, [...packages].filter((name) => !allowed.has(name))]).toEqual([entry, []]);
    const optional = {
      "./grpc": "@grpc/grpc-js",
      "./redis": "ioredis",
      "./row-read": "ioredis",
      "./row-erase": "ioredis",
    }[entry];
    const peers = [...packages].filter((name) => Object.hasOwn(manifest.peerDependencies, name));
    expect([entry, peers]).toEqual([entry, optional === undefined ? [] : [optional]]);
  }
});

/** The packages that a file needs, directly or through its imports, except Node's own. */
function importedPackages(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  expect(existsSync(file)).toBe(true);
  for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import) "([^"]+)"/g)) {
    if (specifier.startsWith(".")) {
      const target = join(file, "..", file.endsWith(".d.ts") ? specifier.replace(/\.js$/, ".d.ts") : specifier);
      for (const name of importedPackages(target, seen)) packages.add(name);
    } else if (!specifier.startsWith("node:")) {
      packages.add(
        specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/"),
      );
    }
  }
  return packages;
}

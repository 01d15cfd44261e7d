// Runs before a package is packed or published. npm leaves `workspace:` and `catalog:` in the tarball's package.json, which
// makes it impossible to install; pnpm replaces them with versions.
if (!process.env.npm_config_user_agent?.startsWith("pnpm/")) {
  process.stderr.write(
    "Run `npx tripline pack` in the root of the repository instead: a tarball made by npm pack cannot be installed.\n",
  );
  process.exitCode = 1;
}

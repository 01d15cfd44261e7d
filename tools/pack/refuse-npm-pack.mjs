// Runs before a package is packed or published. npm leaves `workspace:` and `catalog:` in the package.json of the tarball,
// which then nobody can install; pnpm writes versions in their place.
if (!process.env.npm_config_user_agent?.startsWith("pnpm/")) {
  process.stderr.write(
    "Pack with `npx tripline pack` in the root of the repository: a tarball of npm's own cannot be installed.\n",
  );
  process.exitCode = 1;
}

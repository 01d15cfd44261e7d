// The names that `npx tripline init` changes, as rules on paths and texts, so that future files are covered as well.
//
// Renamed: the npm scope and the package's name, the README's title, images, chart, release, namespace, names of
// Kubernetes objects and infrastructure resources, and the prefix of topics and groups. Kept, because they belong to a
// protocol, are stored, or name the software itself: Kafka headers (tripline-schema), protobuf packages, URNs, names of
// metrics and spans, the database and its user, variables (TRIPLINE_…), the command `tripline`, the folder .tripline,
// paths inside containers, the Python package, names in code, and the prose.

/**
 * @typedef {{ name: string, registry: string, cloud: string }} Project
 * @typedef {{ what: string, files: RegExp, find: RegExp, to: (...match: string[]) => string }} Rule
 */

/** Maximum length of a name that still fits into cloud resource names with an environment and a service. */
const NAME_CHARACTERS_MAX = { aws: 20, gcp: 12, azure: 20 };
/** Azure's storage account names have 24 letters and digits; `staging` and a suffix of six use 13. */
const AZURE_FLAT_CHARACTERS_MAX = 11;
export const CLOUDS = Object.keys(NAME_CHARACTERS_MAX);

const DEPLOYMENT = /^(deploy\/|infra\/|\.github\/|compose[^/]*\.ya?ml$)/;
const DEPLOYMENT_BUT_DATABASE = /^(deploy\/|infra\/(?!modules\/database\/)|\.github\/|compose[^/]*\.ya?ml$)/;
const DEPLOYMENT_AND_DOCS = /^(deploy\/|infra\/|\.github\/|compose[^/]*\.ya?ml$|docs\/|[A-Z]+\.md$)/;
/** docs/settings.md is generated from code, whose names stay. */
const DOCUMENTS = /^(docs\/(?!settings\.md$)|[A-Z]+\.md$)/;
const EVERYTHING = /./;

/** These start with the old name but stay, because they are part of Kafka records and responses. */
const HEADER = "(?:schema|tenant|deadline|reply-to|traceparents?|trace-id|code|dlq-|error-)";
const IMAGES = "(?:ingestion|features|archive|scoring|decisions|auth|control|console|tripline|cli|training)";
/**
 * Lines in which the bare name means the database or its user, the program in a container, or the app that runs several
 * services. A line about that app names its folder, if necessary in a comment.
 */
const KEPT_LINE = /postgres|database|dbname|pg_|--rm\b|^ {2}tripline:|apps\/tripline/i;

/**
 * The reason why a project name is invalid, as one sentence; undefined if it is valid.
 *
 * @param {Project} project
 */
export function faultOf({ name, registry, cloud }) {
  if (!CLOUDS.includes(cloud)) return `--cloud must be one of ${CLOUDS.join(", ")}, not "${cloud}".`;
  const max = NAME_CHARACTERS_MAX[/** @type {keyof typeof NAME_CHARACTERS_MAX} */ (cloud)];
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length < 3) {
    return `--name "${name}" is invalid: it must have at least 3 lowercase letters, digits and single hyphens, and start with a letter, such as acme-fraud.`;
  }
  if (name.length > max) {
    return `--name "${name}" has ${name.length} characters; on ${cloud}, where services and environments are appended, the maximum is ${max}.`;
  }
  const flat = flatNameOf(name);
  if (cloud === "azure" && flat.length > AZURE_FLAT_CHARACTERS_MAX) {
    return `--name "${name}" has ${flat.length} letters and digits; on azure, the maximum is ${AZURE_FLAT_CHARACTERS_MAX} because of storage accounts.`;
  }
  if (name.split("-").includes("tripline"))
    return "--name must be your own name and must not contain the word tripline.";
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/.test(registry)) {
    return `--registry "${registry}" is invalid: it must be a lowercase host and path without https://, such as ghcr.io/acme.`;
  }
  return undefined;
}

/** @param {string} name */
const flatNameOf = (name) => name.replaceAll("-", "");

/**
 * The rules in order: each one sees the output of earlier ones.
 *
 * @param {Project} project
 * @returns {Rule[]}
 */
export function renameRules(project) {
  return [...packageRules(project), ...imageRules(project), ...deploymentRules(project), ...choiceRules(project)];
}

/**
 * @param {Project} project
 * @returns {Rule[]}
 */
function packageRules({ name }) {
  return [
    // In a regular expression, the slash is escaped.
    { what: "npm scope", files: EVERYTHING, find: /@tripline(?=\\?\/)/g, to: () => `@${name}` },
    {
      what: "package name",
      files: /^package\.json$/,
      find: /("name": )"tripline"/,
      to: (_, key = "") => `${key}"${name}"`,
    },
    { what: "title", files: /^README\.md$/, find: /^# Tripline$/m, to: () => `# ${name}` },
  ];
}

/**
 * @param {Project} project
 * @returns {Rule[]}
 */
function imageRules({ name, registry }) {
  const images = `${registry}/${name}`;
  return [
    {
      what: "images",
      files: DEPLOYMENT,
      find: /(\$\{TRIPLINE_IMAGES:-)tripline\}/g,
      to: (_, head = "") => `${head}${images}}`,
    },
    {
      what: "images",
      files: EVERYTHING,
      find: new RegExp(`(?<![\\w@./:-])tripline/([a-z*$][a-z0-9{}-]*(?=:)|${IMAGES}(?=["'\`\\s)]|$))`, "gm"),
      to: (_, image = "") => `${images}/${image}`,
    },
    {
      what: "images",
      files: /^deploy\/docker\/|^tools\//,
      find: /(repository: \{ type: "string", default: |--repository )("?)tripline\b/g,
      to: (_, head = "", quote = "") => `${head}${quote}${images}`,
    },
    {
      what: "images",
      files: /^tools\//,
      find: /(OUR_IMAGES = ")tripline(?=\/")/g,
      to: (_, head = "") => `${head}${images}`,
    },
    {
      what: "images",
      files: DEPLOYMENT,
      find: /(image\.registry[=:] ?["']?)tripline(?![\w./-])/g,
      to: (_, head = "") => `${head}${images}`,
    },
    {
      what: "images",
      files: /^deploy\/helm\/[^/]+\/values[^/]*\.yaml$/,
      find: /(^image:\n(?: *(?:#.*)?\n| {2}.*\n){0,6}? {2}registry: )(?:""|tripline)$/m,
      to: (_, head = "") => `${head}${images}`,
    },
    // Once the values name a registry, the chart cannot complain that it is missing.
    {
      what: "images",
      files: /^deploy\/helm\/[^/]+\/tests\/refusals_test\.yaml$/,
      find: /image\.registry is not set\[\\\\s\\\\S\]\*/g,
      to: () => "",
    },
  ];
}

/**
 * @param {Project} project
 * @returns {Rule[]}
 */
function deploymentRules({ name }) {
  return [
    { what: "chart", files: EVERYTHING, find: /\bhelm\/tripline\b/g, to: () => `helm/${name}` },
    {
      what: "chart",
      files: EVERYTHING,
      find: /(["']helm["'], ?["'])tripline(?=["'])/g,
      to: (_, head = "") => `${head}${name}`,
    },
    {
      what: "release and namespace",
      files: EVERYTHING,
      find: /(\bhelm (?:install|upgrade(?: --install)?|test|uninstall|rollback|status|history|template) |--namespace[ =]|(?<=kubectl )-n |namespaces?\/)tripline(?![\w.-])/g,
      to: (_, head = "") => `${head}${name}`,
    },
    {
      what: "release and namespace",
      files: /\.m?[jt]s$/,
      find: /("(?:--namespace|template)",\s*")tripline(?=")/g,
      to: (_, head = "") => `${head}${name}`,
    },
    {
      what: "names in cluster and cloud",
      files: DEPLOYMENT,
      find: new RegExp(`(?<!\\w|/\\.)tripline-(?!${HEADER})(?=[a-z0-9<$*{%])`, "g"),
      to: () => `${name}-`,
    },
    {
      what: "names in cluster and cloud",
      files: DOCUMENTS,
      find: /(?<![\w.])tripline-(?=(?:ingestion|features|archive|scoring|decisions|auth|control|console|training|snapshots|collector|kafka|valkey|postgres|client|registry|lake|policy|files|dev|<service)\b)/g,
      to: () => `${name}-`,
    },
    {
      what: "names in cluster and cloud",
      files: DEPLOYMENT_AND_DOCS,
      find: /(job=~")tripline(?=[.-])/g,
      to: (_, head = "") => `${head}${name}`,
    },
    {
      what: "names in cluster and cloud",
      files: DEPLOYMENT,
      find: /\btripline(?=\$\{var\.|state)/g,
      to: () => flatNameOf(name),
    },
    {
      what: "names in cluster and cloud",
      files: DEPLOYMENT_BUT_DATABASE,
      find: /^.*$/gm,
      to: (line = "") => (KEPT_LINE.test(line) ? line : renameBare(line, name)),
    },
    {
      what: "topic prefix",
      files: /^deploy\/helm\/[^/]+\/values\.yaml$|^infra\/access\.yaml$/,
      find: /(topicPrefix|topic_prefix): ""/g,
      to: (_, key = "") => `${key}: "${name}."`,
    },
  ];
}

/**
 * The bare name. After `npm run` or `npx`, or at the start of a command line, it is the program.
 *
 * @param {string} line
 * @param {string} name
 */
function renameBare(line, name) {
  return line.replace(
    /(?<![\w@./-]|npm run |npx |--silent |command: \[|CMD \[")tripline(?![\w./(-]| --| [a-z-]+ [-<"$])/g,
    name,
  );
}

/**
 * @param {Project} project
 * @returns {Rule[]}
 */
function choiceRules({ cloud }) {
  return [
    {
      what: "cloud",
      files: /^\.github\/workflows\/.*\.ya?ml$/,
      find: /options: \[aws, gcp, azure\]/g,
      to: () => `options: [${cloud}]`,
    },
    // init runs once, so its own files are removed.
    { what: "init itself", files: /\/tools\.mjs$/, find: /^ *\{ words: "(?:test )?init".*\n/gm, to: () => "" },
    {
      what: "init itself",
      files: /^(README|CONTRIBUTING)\.md$/,
      find: /^.*tripline (?:-- )?(?:test )?init\b.*\n/gm,
      to: () => "",
    },
    { what: "init itself", files: /nightly\.yml$/, find: /^ *- name: init\n.*\n.*\n/gm, to: () => "" },
    { what: "init itself", files: /^README\.md$/, find: /,? *\[[^\]]*\]\(docs\/template\.md\)/g, to: () => "" },
  ];
}

/** Files that only init needs. */
export const OWN_FILES = [
  "tools/init/init.mjs",
  "tools/init/rename-rules.mjs",
  "tools/init/test-init.mjs",
  "docs/template.md",
  "packages/testing/src/tools/init-template.test.ts",
];

/**
 * @param {string} path
 * @param {Project} project
 */
export function renamedPath(path, { name }) {
  return path.replace(/(^|\/)helm\/tripline\//, `$1helm/${name}/`);
}

/**
 * @param {string} path
 * @param {string} text
 * @param {readonly Rule[]} rules
 * @returns {{ text: string, counts: Map<string, number> }} the number of replacements per kind of name
 */
export function renameText(path, text, rules) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  let renamed = text;
  for (const { what, files, find, to } of rules) {
    if (!files.test(path)) continue;
    renamed = renamed.replace(find, (...match) => {
      const replacement = to(...match);
      if (replacement !== match[0]) counts.set(what, (counts.get(what) ?? 0) + 1);
      return replacement;
    });
  }
  return { text: renamed, counts };
}

/*
 * ESLint rules from the table in ARCHITECTURE.md: a package may import those packages of this project that the table's
 * column "knows of" names for it, and no others.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const SCOPE = '@cloud-mirror/';
const ADAPTERS = '^((Redis|Memory)EntryStore|MemoryJobQueue)$';
/** Packages that export adapters. */
const ADAPTER_PACKAGES = ['entry-store', 'job-queue'];
/** What programs load only where it is configured, because it loads an SDK. */
const LOADED_ON_DEMAND = `^${SCOPE}(?:storage-[a-z0-9-]+/adapter|job-queue/sqs)$`;
/** The package that puts the mirror together, the only one that names adapters. */
const ASSEMBLY = 'mirror';
/** Fixtures for tests. They use the adapters that tests need. */
const TESTING = 'testing';

/** @returns ESLint configurations, one for each package in the table, and one for the suites outside of packages */
export function architectureRules() {
  const packages = readTable(readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8'));
  refuseCircles(packages);
  for (const entry of packages) refuseOtherDependencies(entry);
  return [
    ...packages.flatMap(({ folder, name, knows }) => [
      restrict([`${folder}/src/**/*.ts`], knows, {
        names: name === ASSEMBLY || name === TESTING ? [] : [ADAPTERS],
        loadsTests: name === TESTING,
        where: `${folder} knows of ${knows.join(', ') || 'no other package'}`,
      }),
      restrict([`${folder}/test/**/*.ts`], [...knows, name, TESTING], {
        names: [],
        where: `tests of ${folder} know of what it knows, of itself and of ${TESTING}`,
      }),
    ]),
    restrict(['test/**/*.ts', 'bench/**/*.ts'], null, { names: [], where: '' }),
  ];
}

/**
 * The rows whose first column names one package or service.
 * @returns {{ folder: string, name: string, knows: string[] }[]}
 */
export function readTable(markdown) {
  const rows = [...markdown.matchAll(/^\| `((?:packages|services)\/([a-z0-9-]+))` +\|[^|]*\|([^|]*)\|$/gm)];
  const packages = rows.map(([, folder, name, column]) => ({
    folder,
    name,
    knows: [...column.matchAll(/`([a-z0-9-]+)`/g)].map(([, known]) => known),
  }));
  const names = new Set(packages.map(({ name }) => name));
  for (const { folder, knows } of packages)
    for (const known of knows)
      if (!names.has(known))
        throw new Error(`ARCHITECTURE.md: ${folder} knows of ${known}, which has no row`);
  return packages;
}

function refuseCircles(packages) {
  const knowsOf = new Map(packages.map(({ name, knows }) => [name, knows]));
  const visit = (name, above) => {
    if (above.includes(name))
      throw new Error(`ARCHITECTURE.md: a circle of packages: ${[...above, name].join(' -> ')}`);
    for (const known of knowsOf.get(name) ?? []) visit(known, [...above, name]);
  };
  for (const { name } of packages) visit(name, []);
}

function refuseOtherDependencies({ folder, knows }) {
  const { dependencies = {} } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) {
    if (!dependency.startsWith(SCOPE) || knows.includes(dependency.slice(SCOPE.length))) continue;
    throw new Error(
      `${folder}/package.json depends on ${dependency}, which the table in ARCHITECTURE.md does not name in its column "knows of"`,
    );
  }
}

/**
 * @param {string[] | null} allowed names of packages; null: every one
 * @param {{ names: string[], where: string, loadsTests?: boolean }} options `names`: patterns of imported names that are
 *   refused; `loadsTests`: false for what programs load
 */
function restrict(files, allowed, { names, where, loadsTests = true }) {
  const patterns = [
    {
      regex: '^(?:\\.\\./)+(?:(?:packages|services)/)?[a-z][a-z0-9-]*/(?:src|test)/',
      message: 'Import another package by its name, from what it exports.',
    },
    ...(loadsTests
      ? []
      : [
          {
            regex: `^vitest(?:/|$)|^${SCOPE}[a-z0-9-]+/contract$`,
            message: 'Programs do not load what only tests need.',
          },
          { regex: LOADED_ON_DEMAND, message: 'Import it by import(), where it is configured.' },
        ]),
    ...names.map((importNamePattern) => ({
      regex: `^${SCOPE}(?:${ADAPTER_PACKAGES.join('|')})$`,
      importNamePattern,
      message: `Only packages/${ASSEMBLY} names adapters: use the port.`,
    })),
  ];
  const syntax = [];
  if (allowed !== null) {
    const others = allowed.length === 0 ? `^${SCOPE}` : `^${SCOPE}(?!(?:${allowed.join('|')})(?:/|$))`;
    const message = `${where} (the table in ARCHITECTURE.md).`;
    patterns.push({ regex: others, message });
    syntax.push({
      selector: `ImportExpression > Literal[value=/${others.replaceAll('/', '\\/')}/]`,
      message,
    });
  }
  return {
    files,
    rules: {
      'no-restricted-imports': ['error', { patterns }],
      ...(syntax.length === 0 ? {} : { 'no-restricted-syntax': ['error', ...syntax] }),
    },
  };
}

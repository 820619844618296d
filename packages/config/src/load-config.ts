import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { ConfigError, pathText } from './config-fault.ts';
import type { Fault, KeyPath } from './config-fault.ts';
import { parseConfigDocument } from './config-document.ts';
import { overrideFromEnvironment, substituteEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { keysOf, schemaFaults, valueAtKeys } from './schema-faults.ts';

/** The environment variable that names the file if there is no `--config`. */
export const CONFIG_VARIABLE = 'CLOUD_MIRROR_CONFIG';

/** The format of a program's configuration file. */
export interface ConfigFormat<Settings> {
  /** The error message of each check becomes {@link Fault.expected}. */
  readonly schema: z.ZodType<Settings>;
  /** The section whose `host` and `port` are overridden by the variables HOST and PORT; null if there is none. */
  readonly listenSection: string | null;
  /** Sections that other programs read from the same file. They are removed before the check. */
  readonly otherSections: readonly string[];
  /**
   * Match the paths of values that may contain a secret although their keys do not suggest it. The values of keys with
   * telling names (`password`, `token` …) are never shown anyway.
   */
  readonly secretPaths: readonly RegExp[];
  /** Match the paths of values that must consist of one environment variable, so that the file contains no secret. */
  readonly variablePaths?: readonly RegExp[];
  /** Checks environment variables that complement the file. `tree` is the content of the file, not yet validated. */
  readonly environmentFaults?: (environment: Environment, tree: unknown) => readonly Fault[];
}

/**
 * Reads and checks a configuration file.
 * @param file its path; if undefined, the environment variable `CLOUD_MIRROR_CONFIG` names it
 * @throws ConfigError with every fault found
 */
export async function loadConfig<Settings>(
  format: ConfigFormat<Settings>,
  file: string | undefined,
  environment: Environment,
): Promise<Settings> {
  const path = file ?? environment[CONFIG_VARIABLE];
  if (path === undefined || path === '')
    throw new ConfigError('command line', [
      {
        path: '',
        found: 'no configuration file',
        expected: `--config FILE, or the environment variable ${CONFIG_VARIABLE}`,
      },
    ]);
  return parseConfig(format, await readText(path), environment, path);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code = 'an error' } = cause as NodeJS.ErrnoException;
    const found = READ_ERRORS[code] ?? `a file that cannot be read (${code})`;
    throw new ConfigError(path, [{ path: '', found, expected: 'a readable YAML file' }], { cause });
  }
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'a file that this user may not read (permission denied)',
  EISDIR: 'a folder',
};

/**
 * Checks the text of a configuration file.
 * @param source the name of the text in error messages
 * @throws ConfigError with every fault found
 */
export function parseConfig<Settings>(
  format: ConfigFormat<Settings>,
  text: string,
  environment: Environment,
  source = 'configuration',
): Settings {
  const document = parseConfigDocument(text);
  if ('faults' in document) throw new ConfigError(source, document.faults);
  const others = new Set(format.otherSections);
  const sections = Object.entries(document.tree).filter(([name]) => !others.has(name));
  const substituted = substituteEnvironment(Object.fromEntries(sections), environment);
  const overridden = overrideFromEnvironment(substituted.tree, environment, format.listenSection);
  const result = checkTree(format, overridden.tree, substituted.fromEnvironment);
  const literal = literalFaults(document.tree, format.variablePaths ?? []);
  const variables = format.environmentFaults?.(environment, overridden.tree) ?? [];
  const reported = [...substituted.faults, ...overridden.faults, ...literal, ...variables];
  const reportedPaths = new Set(reported.map((fault) => fault.path));
  const faults = [
    ...reported,
    ...('faults' in result ? result.faults.filter((fault) => !reportedPaths.has(fault.path)) : []),
  ];
  if ('faults' in result || faults.length > 0) throw new ConfigError(source, faults);
  return result.config;
}

const ONE_VARIABLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\}$/;

function literalFaults(tree: unknown, paths: readonly RegExp[]): Fault[] {
  const faults: Fault[] = [];
  const walk = (path: KeyPath, value: unknown, above: readonly unknown[]): void => {
    if (typeof value === 'object' && value !== null) {
      // `substituteEnvironment` reports an alias that refers to a value around it.
      if (above.includes(value)) return;
      for (const [key, inner] of Object.entries(value))
        walk([...path, Array.isArray(value) ? Number(key) : key], inner, [...above, value]);
      return;
    }
    const text = pathText(path);
    if (value === null || value === undefined || !paths.some((one) => one.test(text))) return;
    if (typeof value === 'string' && ONE_VARIABLE.test(value)) return;
    const name = String(path.at(-1))
      .replace(/[A-Z]/g, (letter) => `_${letter}`)
      .toUpperCase();
    faults.push({
      path: text,
      found: 'a value written in the file (not shown)',
      expected: `an environment variable such as \${${name}}, so that the file contains no secret`,
    });
  };
  if (paths.length > 0) walk([], tree, []);
  return faults;
}

function checkTree<Settings>(
  { schema, secretPaths }: ConfigFormat<Settings>,
  tree: unknown,
  fromEnvironment: ReadonlySet<string>,
): { readonly config: Settings } | { readonly faults: readonly Fault[] } {
  const first = schema.safeParse(tree);
  if (first.success) return { config: first.data };
  const typed = structuredClone(tree);
  for (const issue of first.error.issues)
    if (fromEnvironment.has(pathText(keysOf(issue)))) giveType(typed, issue);
  const second = schema.safeParse(typed);
  if (second.success) return { config: second.data };
  return { faults: schemaFaults(second.error.issues, tree, secretPaths) };
}

/** Environment variables are strings: converts one to the number, boolean or null that the schema expects. */
function giveType(tree: unknown, issue: z.core.$ZodIssue): void {
  const keys = keysOf(issue);
  const holder = valueAtKeys(tree, keys.slice(0, -1)) as Record<string | number, unknown>;
  const key = keys.at(-1);
  const value = valueAtKeys(tree, keys);
  if (key === undefined || typeof value !== 'string') return;
  const expected = issue.code === 'invalid_type' ? issue.expected : null;
  if (expected === 'number' || expected === 'int') {
    if (/^-?\d+(\.\d+)?$/.test(value)) holder[key] = Number(value);
  } else if (expected === 'boolean') {
    if (value === 'true' || value === 'false') holder[key] = value === 'true';
  }
  // For nullable keys: `endpoint: ${ENDPOINT:-}`.
  if (holder[key] === '' || holder[key] === 'null') holder[key] = null;
}

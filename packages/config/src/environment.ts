import { pathText } from './config-fault.ts';
import type { Fault, KeyPath } from './config-fault.ts';

/** The environment variables of a process, in the shape of `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration tree whose references to environment variables are replaced. */
export interface Substituted {
  readonly tree: unknown;
  readonly faults: readonly Fault[];
  /** Paths ({@link pathText}) of the strings that contained a variable, even if its default was used. */
  readonly fromEnvironment: ReadonlySet<string>;
}

/** Matches `$${` (a literal `${`), a complete reference, or a `${` that starts an invalid reference. */
const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every string value of `tree`. As in a shell, the default applies if the
 * variable is unset or empty. `$${` stands for a literal `${`. Keys are not changed.
 *
 * A variable's value is not searched for references and never parsed as YAML, so a variable cannot add keys.
 */
export function substituteEnvironment(tree: unknown, environment: Environment): Substituted {
  const faults: Fault[] = [];
  const fromEnvironment = new Set<string>();

  const inText = (path: KeyPath, text: string): string =>
    text.replace(REFERENCE, (reference, name: string | undefined, fallback: string | undefined) => {
      if (reference === '$${') return '${';
      if (name === undefined) {
        faults.push({
          path: pathText(path),
          found: '"${" that does not begin a variable',
          expected: '${NAME} or ${NAME:-default}; write $${ for a literal ${',
        });
        return '';
      }
      fromEnvironment.add(pathText(path));
      const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
      if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
      if (value !== undefined) return value;
      faults.push({
        path: pathText(path),
        found: `\${${name}}, but the environment variable ${name} is not set`,
        expected: `${name} to be set, or a default: \${${name}:-…}`,
      });
      return '';
    });

  const walk = (path: KeyPath, value: unknown, above: readonly unknown[]): unknown => {
    if (typeof value === 'string') return inText(path, value);
    if (typeof value !== 'object' || value === null) return value;
    if (above.includes(value)) {
      faults.push({
        path: pathText(path),
        found: 'an alias inside the value that it refers to',
        expected: 'an alias of another value',
      });
      return null;
    }
    const chain = [...above, value];
    if (Array.isArray(value)) return value.map((item, index) => walk([...path, index], item, chain));
    const copy: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(value)) {
      // Assigning it would set the prototype of the copy instead of adding a key.
      if (key === '__proto__') {
        faults.push({ path: pathText([...path, key]), found: 'a reserved key', expected: 'another name' });
        continue;
      }
      copy[key] = walk([...path, key], inner, chain);
    }
    return copy;
  };

  return { tree: walk([], tree, []), faults, fromEnvironment };
}

/**
 * Lets `PORT` and `HOST` override `port` and `host` of one section, as hosting platforms expect. An empty variable
 * counts as unset.
 * @param section null to ignore both variables
 * @returns the tree with the overrides, and a fault if `PORT` is not a TCP port
 */
export function overrideFromEnvironment(
  tree: unknown,
  environment: Environment,
  section: string | null,
): { readonly tree: unknown; readonly faults: readonly Fault[] } {
  const { PORT: port = '', HOST: host = '' } = environment;
  if (section === null || (port === '' && host === '')) return { tree, faults: [] };
  if (!isMapping(tree)) return { tree, faults: [] };
  const listen = tree[section] ?? {};
  // The schema reports a section of another shape.
  if (!isMapping(listen)) return { tree, faults: [] };
  const overridden: Record<string, unknown> = { ...listen };
  const faults: Fault[] = [];
  if (host !== '') overridden['host'] = host;
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) overridden['port'] = Number(port);
  else if (port !== '')
    faults.push({
      path: 'PORT',
      found: `${JSON.stringify(port.slice(0, 40))} in the environment`,
      expected: 'a whole number from 0 to 65535',
    });
  return { tree: { ...tree, [section]: overridden }, faults };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

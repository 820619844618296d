import { pathText } from './config-fault.ts';
import type { Fault, KeyPath } from './config-fault.ts';

/** The environment as a program got it; `process.env` has this shape. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Values with the environment's in them. */
export interface Substituted {
  readonly tree: unknown;
  readonly faults: readonly Fault[];
  /** Paths ({@link pathText}) of the texts that a variable, or its default, is part of. */
  readonly fromEnvironment: ReadonlySet<string>;
}

/** `$${` (a literal `${`), a whole reference, or the beginning of something that is none. */
const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of `tree`; the default counts where the variable is unset or
 * empty, as in a shell. What comes from the environment is not looked at again, and is a text whatever it contains, so
 * a variable cannot bring in keys. `$${` stands for `${` itself. Keys are left as they are.
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
          found: 'a ${ without a name and a closing }',
          expected: '${NAME} or ${NAME:-default}; $${ where a ${ is meant',
        });
        return '';
      }
      fromEnvironment.add(pathText(path));
      const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
      if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
      if (value !== undefined) return value;
      faults.push({
        path: pathText(path),
        found: `\${${name}}, which the environment does not have`,
        expected: `the variable ${name} set, or a default: \${${name}:-…}`,
      });
      return '';
    });

  const walk = (path: KeyPath, value: unknown, above: readonly unknown[]): unknown => {
    if (typeof value === 'string') return inText(path, value);
    if (typeof value !== 'object' || value === null) return value;
    if (above.includes(value)) {
      faults.push({ path: pathText(path), found: 'an alias of what it is part of', expected: 'an end' });
      return null;
    }
    const chain = [...above, value];
    if (Array.isArray(value)) return value.map((item, index) => walk([...path, index], item, chain));
    const copy: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(value)) {
      // As a key of an object it would be no key but its prototype.
      if (key === '__proto__') {
        faults.push({ path: pathText([...path, key]), found: 'a reserved key', expected: 'another key' });
        continue;
      }
      copy[key] = walk([...path, key], inner, chain);
    }
    return copy;
  };

  return { tree: walk([], tree, []), faults, fromEnvironment };
}

/**
 * `PORT` and `HOST` take the place of `port` and `host` in one section, as hosting platforms expect. Empty ones count as
 * not set.
 * @param section null: they mean nothing
 * @returns the tree with them in it; a fault where `PORT` is no port
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

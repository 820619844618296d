/** One thing that is wrong with a configuration, told so that it can be mended without reading this program. */
export interface Fault {
  /** Where: keys joined by dots, places of a list and odd keys in brackets (`sources.allow[0].prefix`); empty: the file itself. */
  readonly path: string;
  /** What is there, secrets left out. */
  readonly found: string;
  readonly expected: string;
}

/** The configuration cannot be used. Carries every fault, not the first one only; programs exit with status 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config_invalid';
  readonly retryable = false;
  readonly faults: readonly Fault[];

  /** @param source the file, or what else the faults are in */
  constructor(source: string, faults: readonly Fault[], options: { cause?: unknown } = {}) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    super(`${source}: ${count} in the configuration\n${faults.map(faultLine).join('\n')}`, options);
    this.faults = faults;
  }
}

export function faultLine(fault: Fault): string {
  const where = fault.path === '' ? '' : `${fault.path}: `;
  return `  ${where}found ${fault.found}; expected ${fault.expected}`;
}

export type KeyPath = readonly (string | number)[];

export function pathText(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[A-Za-z0-9_-]+$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

const LONGEST_SHOWN = 80;

/** Names of keys whose values are never shown. */
const SECRET_NAME = /(password|secret|token|credential)[^.]*$/i;

/**
 * A value as a fault shows it: on one line, short, and without credentials.
 * @param secretPaths of values of which only the length is shown
 */
export function describeFound(path: string, value: unknown, secretPaths: readonly RegExp[] = []): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return describeText(path, value, secretPaths);
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `a list of ${value.length}` : 'a mapping';
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
  }
}

function describeText(path: string, value: string, secretPaths: readonly RegExp[]): string {
  if (value === '') return 'an empty text';
  if ([SECRET_NAME, ...secretPaths].some((secret) => secret.test(path)))
    return `a text of ${value.length} characters (not shown)`;
  // What stands before an @ in an address are credentials; what follows a ? may be a signature.
  const open = value.replace(/^.*@/s, '***@').replace(/(:\/\/[^?]*)\?.*$/s, '$1?***');
  return JSON.stringify(open.length > LONGEST_SHOWN ? `${open.slice(0, LONGEST_SHOWN)}…` : open);
}

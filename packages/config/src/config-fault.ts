/** One error in a configuration. An operator can correct it without reading the source code. */
export interface Fault {
  /**
   * Keys joined by dots; list indexes and keys with special characters in brackets (`sources.allow[0].prefix`). Empty
   * for the file as a whole.
   */
  readonly path: string;
  /** The value in the file, without secrets. */
  readonly found: string;
  /** What is valid there and, if that is not obvious, the remedy. */
  readonly expected: string;
}

/** The configuration is invalid. Carries all faults, not only the first; programs exit with status 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config_invalid';
  readonly retryable = false;
  readonly faults: readonly Fault[];

  /** @param source the name of the file, or of whatever else has the faults */
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

/** Matches the names of keys whose values are never shown. */
const SECRET_NAME = /(password|secret|token|credential)[^.]*$/i;

/**
 * Describes a value for {@link Fault.found}: on one line, shortened, without credentials.
 * @param secretPaths match the paths of values that may be secrets; only their length is shown
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
      // YAML reads an unquoted password of digits as a number.
      return isSecret(path, secretPaths) ? `a ${typeof value} (not shown) without quotes` : String(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `a list of ${value.length}` : 'a mapping';
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
  }
}

function isSecret(path: string, secretPaths: readonly RegExp[]): boolean {
  return [SECRET_NAME, ...secretPaths].some((secret) => secret.test(path));
}

function describeText(path: string, value: string, secretPaths: readonly RegExp[]): string {
  if (value === '') return 'an empty string';
  if (isSecret(path, secretPaths)) return `a string of ${value.length} characters (not shown)`;
  // In a URL, credentials precede the @, and the query may contain a signature.
  const open = value.replace(/^.*@/s, '***@').replace(/(:\/\/[^?]*)\?.*$/s, '$1?***');
  return JSON.stringify(open.length > LONGEST_SHOWN ? `${open.slice(0, LONGEST_SHOWN)}…` : open);
}

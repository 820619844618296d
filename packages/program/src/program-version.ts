import { readFileSync } from 'node:fs';

/** The version of this project, which all its programs share. */
export function programVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { readonly version?: unknown };
  if (typeof version !== 'string') throw new TypeError('package.json has no version');
  return version;
}

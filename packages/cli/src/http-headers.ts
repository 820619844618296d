import type { Dispatcher } from 'undici';

/** Headers of an answer, names in lower case. */
export type HttpHeaders = Dispatcher.ResponseData['headers'];

/** A header's value, the first where it came more than once; `null` where it did not come. */
export function headerText(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

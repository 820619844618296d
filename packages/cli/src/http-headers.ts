import type { Dispatcher } from 'undici';

/** Response headers, with names in lower case. */
export type HttpHeaders = Dispatcher.ResponseData['headers'];

/** The first value of a header; null if it is missing. */
export function headerText(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

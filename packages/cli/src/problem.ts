import { jsonObject } from './answer-body.ts';
import { headerText } from './http-headers.ts';
import type { HttpHeaders } from './http-headers.ts';
import { printable } from './printable.ts';

/**
 * Describes an error response in one line, from its problem details (RFC 9457) if it has them: status, code, detail and
 * the request id, by which operators find the request in their logs.
 */
export function describeProblem(status: number, headers: HttpHeaders, text: string): string {
  const problem = jsonObject(text) ?? {};
  const field = (name: string): string | null => {
    const value = problem[name];
    return typeof value === 'string' && value !== '' ? printable(value) : null;
  };
  const requestId = field('requestId') ?? headerText(headers['x-request-id']);
  const what = [`${status}`, field('code')].filter((part) => part !== null).join(' ');
  const detail = field('detail') ?? field('title') ?? 'no detail given';
  return `${what}: ${detail}${requestId === null ? '' : ` (request id ${requestId})`}`;
}

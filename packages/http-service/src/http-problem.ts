import { STATUS_CODES } from 'node:http';
import { SHOWN_HEADERS } from './answer.ts';

export interface HttpProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the body (RFC 9457, section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An error response. `detail` is public: it contains no credential, no query of an origin URL and no internal address.
 */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  /** A stable snake_case word by which programs tell problems apart. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(status: number, code: string, detail: string, options: HttpProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
    this.extensions = options.extensions ?? {};
  }
}

/**
 * The body of `application/problem+json` (RFC 9457). The type is `about:blank` and the title is the reason phrase of the
 * status, as section 4.2.1 specifies for problems without a type of their own.
 */
export function problemBody(problem: HttpProblem, requestId: string): string {
  return JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.message,
    code: problem.code,
    requestId,
    ...problem.extensions,
  });
}

/** The headers that all problems have, and the problem's own headers. */
export function problemHeaders(problem: HttpProblem): Record<string, string> {
  return {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...SHOWN_HEADERS,
    ...problem.headers,
  };
}

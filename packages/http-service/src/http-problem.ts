import { STATUS_CODES } from 'node:http';
import { SHOWN_HEADERS } from './answer.ts';

export interface HttpProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the body (RFC 9457, section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An answer that says what is wrong. `detail` is shown to strangers: it holds no credential, no query of an origin URL
 * and no internal address.
 */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  /** Stable snake_case word. */
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
 * Body of `application/problem+json` (RFC 9457). The type is `about:blank` and the title the status's phrase, as the
 * RFC has it for problems that `status` and `detail` explain; programs tell problems apart by `code`.
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

/** Headers that every problem has, with those of its own. */
export function problemHeaders(problem: HttpProblem): Record<string, string> {
  return {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...SHOWN_HEADERS,
    ...problem.headers,
  };
}

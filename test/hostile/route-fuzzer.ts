import { connect } from 'node:net';
import { STATUS_CODES } from 'node:http';
import { Random } from './random.ts';
import { RequestMaker, type RequestSubjects } from './request-maker.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** `http://127.0.0.1:port` */
  readonly address: string;
  readonly subjects: RequestSubjects;
  /** After it is aborted, no further request begins. */
  readonly signal: AbortSignal;
  /** Maximum number of requests. */
  readonly requests?: number;
  readonly concurrency?: number;
}

export interface FuzzReport {
  readonly requests: number;
  /** Number of answers by status; `none` if the connection ended without one. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Number of 5xx answers by code, including those passed on from an origin. */
  readonly serverErrors: Readonly<Record<string, number>>;
  readonly routes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** Violations, each with the request that caused it. */
  readonly violations: readonly FuzzViolation[];
}

export interface FuzzViolation {
  readonly what: string;
  readonly request: string;
  readonly answer: string;
}

/** Codes of 5xx answers that are the origin's fault. The answer to a HEAD has no code. */
const PASSED_ON: ReadonlySet<string> = new Set(['origin_redirects', 'origin_status']);
const ANSWER_LIMIT_MS = 20_000;
/** Longer than the wait of the server under test: a request without an answer after this time was incomplete. */
const PATIENCE_MS = 2_000;

/** Sends generated requests to every route, each on a separate connection, and checks each answer. */
export async function fuzzRoutes(options: FuzzOptions): Promise<FuzzReport> {
  const maker = new RequestMaker(new Random(options.seed), options.subjects);
  const statuses: Record<string, number> = {};
  const serverErrors: Record<string, number> = {};
  const routes: Record<string, number> = {};
  const violations: FuzzViolation[] = [];
  let requests = 0;
  let slowestMs = 0;

  const one = async (): Promise<void> => {
    const { bytes, route } = maker.make();
    requests += 1;
    count(routes, route);
    const begun = performance.now();
    const answer = withoutInterim(await send(options.address, bytes));
    slowestMs = Math.max(slowestMs, performance.now() - begun);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 'none';
    count(statuses, status);
    const code = /"code":"([a-z_]+)"/.exec(answer)?.[1] ?? 'none';
    if (status.startsWith('5')) count(serverErrors, `${status} ${code}`);
    const what = faultOf(answer, status, code, bytes.startsWith('HEAD '));
    if (what !== null && violations.length < 20)
      violations.push({ what, request: bytes, answer: answer.slice(0, 2000) });
  };
  const worker = async (): Promise<void> => {
    while (!options.signal.aborted && requests < (options.requests ?? Infinity)) await one();
  };
  await Promise.all(Array.from({ length: options.concurrency ?? 64 }, worker));
  return { requests, statuses, serverErrors, routes, slowestMs: Math.round(slowestMs), violations };
}

function faultOf(answer: string, status: string, code: string, isHead: boolean): string | null {
  if (answer === 'time limit') return 'no answer and no end';
  // The server may close the connection of an invalid request without an answer.
  if (status === 'none') return answer === '' ? null : 'not HTTP';
  if (STATUS_CODES[status] === undefined) return 'a status that is none';
  if (status.startsWith('5') && !PASSED_ON.has(code) && !(isHead && status === '502'))
    return 'an error of the server';
  const head = answer.slice(0, answer.indexOf('\r\n\r\n'));
  if (/^x-injected:/im.test(head)) return 'a header that the request made';
  if (/[^\t\r\n\x20-\x7e\x80-\xff]/.test(head)) return 'a control character in a header';
  if (!/^x-request-id: [!-~]{1,128}$/im.test(head)) return 'no request identifier';
  if (/^[45]/.test(status) && !/^content-type: application\/problem\+json\r?$/im.test(head))
    return 'an error that is no problem';
  // Operators may see the stack of an object's failure.
  if (/\\n +at |node_modules|\.ts:\d/.test(answer) && !/"entry":\{"state":"error"/.test(answer))
    return 'a stack trace';
  return null;
}

/** Sends the request and reads one answer, or until the connection ends. */
function send(address: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(address);
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = '';
  const socket = connect({ host: hostname, port: Number(port) });
  const patience = setTimeout(() => socket.end(), PATIENCE_MS);
  const limit = setTimeout(() => {
    answer = 'time limit';
    socket.destroy();
  }, ANSWER_LIMIT_MS);
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text;
    if (isWhole(withoutInterim(answer), bytes.startsWith('HEAD '))) socket.end();
  });
  // After its answer the server may close without reading the whole request.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    clearTimeout(patience);
    clearTimeout(limit);
    resolve(answer);
  });
  socket.write(bytes, 'latin1');
  return promise;
}

function withoutInterim(answer: string): string {
  return answer.replace(/^(?:HTTP\/1\.1 1\d\d [^\r]*\r\n\r\n)+/, '');
}

function isWhole(answer: string, isHead: boolean): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)\r?$/im.exec(answer.slice(0, end + 2))?.[1];
  return isHead || length === undefined || answer.length >= end + 4 + Number(length);
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse, server: AnsweringServer) => void;

/** An HTTP server on loopback with an answer per path, which records its requests. */
export class AnsweringServer implements AsyncDisposable {
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers'] }[] = [];
  readonly #answers = new Map<string, Answer>();
  readonly #server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, url, headers });
    const answer = this.#answers.get(new URL(url, this.address).pathname);
    if (answer !== undefined) return answer(request, response, this);
    response.writeHead(599, { 'content-type': 'text/plain' }).end(`the test answers nothing at ${url}`);
  });

  static async listen(): Promise<AnsweringServer> {
    const server = new AnsweringServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  on(path: string, answer: Answer): void {
    this.#answers.set(path, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Answers like a front end with an error (RFC 9457). */
export function problem(
  status: number,
  code: string,
  detail: string,
  headers: Record<string, string> = {},
): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
    response.end(
      JSON.stringify({ type: 'about:blank', title: 'Error', status, detail, code, requestId: 'request-7' }),
    );
  };
}

export function json(status: number, body: unknown): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

/** Answers like a front end with a redirect. */
export function found(location: string, headers: Record<string, string>): Answer {
  return (_request, response) => {
    response.writeHead(302, { location, 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ status: 'present', url: location }));
  };
}

export function bytes(body: Uint8Array, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': `${body.length}`, ...headers }).end(body);
  };
}

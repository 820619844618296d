import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/**
 * A proxy in front of the S3 server at `endpoint` that refuses requests without credentials, like a private bucket,
 * until `open` is called.
 */
export async function closeToStrangers(
  endpoint: string,
): Promise<AsyncDisposable & { readonly endpoint: string; readonly open: () => void }> {
  let closed = true;
  const { hostname, port } = new URL(endpoint);
  const server = createServer((request, response) => {
    if (closed && request.headers.authorization === undefined) {
      response.writeHead(403, { 'content-type': 'application/xml' });
      response.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
      return;
    }
    const { method, url: path, headers } = request;
    const onward = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response).catch(() => response.destroy());
    });
    onward.once('error', () => response.destroy());
    pipeline(request, onward).catch(() => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => {
      closed = false;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

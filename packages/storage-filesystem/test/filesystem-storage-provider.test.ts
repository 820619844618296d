import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FilesystemStorageProvider } from '../src/adapter.ts';
import { unknownCapabilities } from '@cloud-mirror/storage-provider';
import type { ContractSubject } from '@cloud-mirror/storage-provider/contract';
import { describeStorageProvider } from '@cloud-mirror/storage-provider/contract';

describeStorageProvider('FilesystemStorageProvider', openSubject);

async function openSubject(): Promise<ContractSubject> {
  const directory = await mkdtemp(join(tmpdir(), 'storage-provider-'));
  const server = createServer((request, response) => {
    serve(provider, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const provider = new FilesystemStorageProvider({
    directory,
    urlBase: `http://127.0.0.1:${port}/v1/objects/local/here/`,
    maxBytes: 1024 * 1024 * 1024,
    onEvict: async () => {},
  });
  return {
    provider,
    pieceBytes: 1024 * 1024,
    capabilities: unknownCapabilities(),
    leftovers: async () => readdir(join(directory, 'temporary')).catch(() => []),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await provider[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** A minimal version of the front end's object route. */
async function serve(
  provider: FilesystemStorageProvider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const opened = await provider.openNamed((request.url ?? '').split('/').at(-1) ?? '');
  if (opened === null) {
    response.writeHead(404).end();
    return;
  }
  await using file = opened;
  const { sizeBytes, etag, headers } = file.object;
  const optional = {
    'Content-Encoding': headers.contentEncoding,
    'Content-Disposition': headers.contentDisposition,
    'Content-Language': headers.contentLanguage,
    ETag: etag ?? undefined,
  };
  response.setHeader('Content-Type', headers.contentType);
  response.setHeader('Content-Length', sizeBytes);
  for (const [name, value] of Object.entries(optional)) if (value) response.setHeader(name, value);
  if (request.method === 'HEAD') response.end();
  else await pipeline(file.read(0, sizeBytes), response);
}

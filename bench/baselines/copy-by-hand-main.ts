/**
 * The simplest alternative to the mirror: GET from the origin, PUT to S3, in a warm process. `POST /?concurrency=N` with
 * origin addresses, one on each line, copies them all and answers when the last one is stored.
 * Arguments: endpoint and bucket.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Agent, request } from 'undici';

const [endpoint = '', bucket = ''] = process.argv.slice(2);
const store = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
const dispatcher = new Agent({ connections: 64 });

const server = createServer((incoming, response) => {
  copyAll(incoming).then(
    () => response.end(),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'ready', address: `http://127.0.0.1:${port}` })}\n`);
});

async function copyAll(incoming: IncomingMessage): Promise<void> {
  const concurrency = Number(
    new URL(incoming.url ?? '/', 'http://copy.invalid').searchParams.get('concurrency') ?? 1,
  );
  const addresses = (await text(incoming)).trim().split('\n').values();
  const worker = async (): Promise<void> => {
    for (const address of addresses) await copy(address);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

async function copy(address: string): Promise<void> {
  const answer = await request(address, { dispatcher });
  if (answer.statusCode !== 200) throw new Error(`${address} answered ${answer.statusCode}`);
  const body = Buffer.from(await answer.body.arrayBuffer());
  await store.send(
    new PutObjectCommand({ Bucket: bucket, Key: address, Body: body, ContentLength: body.length }),
  );
}

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { slicePayloads } from '../src/sdk-middleware.ts';

it.each([0, 17, 128 * 1024, 128 * 1024 + 1, 3_000_017])(
  'a payload of %i bytes arrives whole and with its length, at each try',
  async (sizeBytes) => {
    const received: { readonly headers: IncomingHttpHeaders; readonly body: Buffer }[] = [];
    await using server = createServer((request, response) => {
      void buffer(request).then((body) => {
        received.push({ headers: request.headers, body });
        response.writeHead(200, { etag: '"e"' }).end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = new S3Client({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'us-west-2',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    try {
      slicePayloads(client);
      const payload = randomBytes(sizeBytes);
      const command = new PutObjectCommand({
        Bucket: 'b',
        Key: 'k',
        Body: payload,
        ContentLength: sizeBytes,
      });
      for (let tries = 0; tries < 2; tries += 1) await client.send(command);
      expect(received).toHaveLength(2);
      for (const { headers, body } of received) {
        expect(headers['content-length']).toBe(String(sizeBytes));
        expect(headers['transfer-encoding']).toBeUndefined();
        expect(body.equals(payload)).toBe(true);
      }
    } finally {
      client.destroy();
    }
  },
);

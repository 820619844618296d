import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { answerOf, askStore } from '@cloud-mirror/storage-routes';

const xml = (code: string): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>x</Message></Error>`;

test.each([
  [200, 'the object', null, null],
  [404, xml('NoSuchKey'), null, null],
  [404, '{"code":"no_such_object"}', null, null],
  [404, xml('NoSuchBucket'), null, 'the bucket does not exist'],
  [403, xml('InvalidAccessKeyId'), null, 'the store does not know the access key'],
  [403, xml('SignatureDoesNotMatch'), null, 'the secret does not belong to the access key'],
  [403, xml('AccessDenied'), null, 'the credentials may not read, or the bucket refuses them'],
  [400, xml('ExpiredToken'), null, 'the session token has expired'],
  [301, xml('PermanentRedirect'), 'eu-west-1', 'the bucket is in the region eu-west-1'],
  [400, xml('AuthorizationHeaderMalformed'), null, 'the bucket is in another region'],
  [404, '<html>nginx</html>', null, 'the server answers 404 without a code of S3'],
  [503, xml('SlowDown'), null, 'the server answers 503 SlowDown'],
])('an answer %i %s is understood', (status, body, region, fault) => {
  expect(answerOf(status, body, region).fault).toBe(fault);
});

test('asks the server, and names one that cannot be reached', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(404, { 'Content-Type': 'application/xml' }).end(xml('NoSuchBucket'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const address = `http://127.0.0.1:${port}/bucket/key?X-Amz-Signature=secret`;
  expect((await askStore(address)).fault).toBe('the bucket does not exist');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const { fault } = await askStore(address);
  expect(fault).toBe(`127.0.0.1:${port} cannot be reached: ECONNREFUSED`);
});

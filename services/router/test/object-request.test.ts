import type { IncomingMessage } from 'node:http';
import { HttpProblem, parseRequestTarget } from '@cloud-mirror/http-service';
import { RouteTable } from '@cloud-mirror/storage-routes';
import { describe, expect, test } from 'vitest';
import { parseObjectRequest, type SignRequest } from '../src/objects/object-request.ts';
import { route } from './router-under-test.ts';

const TABLE = new RouteTable([
  route('/'),
  route('/a'),
  route('/a/b', { prefix: 'builds/' }),
  route('/lists', { list: true }),
  route('/long', { prefix: 'p'.repeat(24) }),
]);

function parse(method: string, url: string, headers: Record<string, string> = {}) {
  const rawHeaders = Object.entries(headers).flat();
  const request = { method, headers, rawHeaders } as unknown as IncomingMessage;
  return parseObjectRequest(request, parseRequestTarget(url), TABLE);
}

function refusal(method: string, url: string, headers?: Record<string, string>): string {
  try {
    parse(method, url, headers);
  } catch (error) {
    if (error instanceof HttpProblem) return `${error.status} ${error.code}`;
    throw error;
  }
  return 'accepted';
}

describe('keys', () => {
  test.each([
    ['/xyz', '/', 'xyz'],
    ['/a/x', '/a', 'x'],
    ['/a//b', '/a', '/b'],
    ['/a/b/c', '/a/b', 'builds/c'],
    ['/a/b//c//', '/a/b', 'builds//c//'],
    ['/ab', '/', 'ab'],
    ['//x', '/', '/x'],
    ['/%61/x', '/a', 'x'],
    ['/a%2Fx', '/a', 'x'],
    ['/a/%2525', '/a', '%25'],
    ['/a/sp%20ace+plus', '/a', 'sp ace+plus'],
    ['/a/%C3%BC', '/a', 'ü'],
    ['/a/\xc3\xbc', '/a', 'ü'],
    ['/a/...', '/a', '...'],
    ['/a/.x/x.', '/a', '.x/x.'],
    ['/a/folder/', '/a', 'folder/'],
    ['http://localhost:9000/a/x', '/a', 'x'],
    [`/${'k'.repeat(1024)}`, '/', 'k'.repeat(1024)],
    [`/long/${'k'.repeat(1000)}`, '/long', 'p'.repeat(24) + 'k'.repeat(1000)],
  ])('%s below %s', (url, path, key) => {
    const parsed = parse('GET', url) as SignRequest;
    expect(parsed.route?.path).toBe(path);
    expect(parsed.key).toBe(key);
  });

  test.each([
    ['/a/../b', '400 path_malformed'],
    ['/a/..', '400 path_malformed'],
    ['/./a', '400 path_malformed'],
    ['/a/%2e%2E/b', '400 path_malformed'],
    ['/a/.%2e', '400 path_malformed'],
    ['/a%2F..%2Fb', '400 path_malformed'],
    ['/a/%00', '400 path_malformed'],
    ['/a/%ff', '400 path_malformed'],
    ['/a/%C0%AF', '400 path_malformed'],
    ['/a/%ED%A0%80', '400 path_malformed'],
    ['/a/\xfc', '400 path_malformed'],
    ['/a/%', '400 path_malformed'],
    ['/a/%4', '400 path_malformed'],
    ['/a/%zz', '400 path_malformed'],
    ['/a', '400 key_empty'],
    ['/a/', '400 key_empty'],
    ['/a/b/', '400 key_empty'],
    [`/${'k'.repeat(1025)}`, '414 key_too_long'],
    [`/${'%C3%BC'.repeat(513)}`, '414 key_too_long'],
    [`/long/${'k'.repeat(1001)}`, '414 key_too_long'],
    [`/lists/${'k'.repeat(1024)}/`, '414 key_too_long'],
  ])('%s is refused', (url, expected) => {
    expect(refusal('GET', url)).toBe(expected);
    expect(refusal('PUT', url)).toBe(expected);
  });
});

describe('parameters', () => {
  const id = 'uploadId=2%2Fab%2B';
  test.each<[string, string, Record<string, string>]>([
    ['GET', 'versionId=1', { versionId: '1' }],
    ['GET', 'partNumber=1', { partNumber: '1' }],
    ['GET', 'tagging', { tagging: '' }],
    ['GET', id, { uploadId: '2/ab+' }],
    [
      'GET',
      'response-content-type=a%2Fb&response-content-disposition=attachment%3B+x',
      { 'response-content-type': 'a/b', 'response-content-disposition': 'attachment; x' },
    ],
    ['HEAD', 'versionId=1&partNumber=2', { versionId: '1', partNumber: '2' }],
    ['PUT', `partNumber=10000&${id}`, { partNumber: '10000', uploadId: '2/ab+' }],
    ['PUT', 'tagging=', { tagging: '' }],
    ['POST', 'uploads', { uploads: '' }],
    ['POST', id, { uploadId: '2/ab+' }],
    ['POST', '', {}],
    ['DELETE', id, { uploadId: '2/ab+' }],
    ['DELETE', 'versionId=null', { versionId: 'null' }],
    ['DELETE', 'tagging', { tagging: '' }],
    ['GET', '&', {}],
  ])('%s ?%s is signed', (method, query, expected) => {
    expect((parse(method, `/a/x?${query}`) as SignRequest).query).toEqual(expected);
  });

  test.each([
    ['GET', 'acl'],
    ['GET', 'policy'],
    ['GET', 'uploads'],
    ['GET', 'list-type=2'],
    ['GET', 'X-Amz-Signature=1'],
    ['GET', 'versionid=1'],
    ['GET', 'versionId'],
    ['GET', 'versionId=1&versionId=2'],
    ['GET', 'partNumber=0'],
    ['GET', 'partNumber=10001'],
    ['GET', 'partNumber=1e3'],
    ['GET', 'tagging=x'],
    ['GET', '%ff'],
    ['GET', 'a%00=1'],
    ['GET', 'after=x'],
    ['HEAD', 'tagging'],
    ['HEAD', 'response-content-type=a'],
    ['PUT', 'partNumber=1'],
    ['PUT', id],
    ['PUT', 'uploadId=&partNumber=1'],
    ['PUT', 'acl'],
    ['PUT', 'versionId=1'],
    ['PUT', 'uploads'],
    ['POST', 'delete'],
    ['POST', 'restore'],
    ['POST', `uploads&${id}`],
    ['DELETE', 'acl'],
    ['DELETE', `${id}&versionId=1`],
    ['DELETE', 'uploadId='],
  ])('%s ?%s is refused', (method, query) => {
    expect(refusal(method, `/a/x?${query}`)).toBe('400 parameter_refused');
  });
});

describe('headers', () => {
  test.each([
    ['content-md5', 'HLJR7A1WjeaqkptSDEru2Q=='],
    ['x-amz-checksum-crc32c', 'AAAAAA=='],
    ['x-amz-sdk-checksum-algorithm', 'CRC32C'],
    ['x-amz-meta-colour', 'blue'],
    ['x-amz-storage-class', 'GLACIER'],
    ['x-amz-tagging', 'a=b'],
    ['x-amz-server-side-encryption', 'aws:kms'],
    ['x-amz-server-side-encryption-aws-kms-key-id', 'arn'],
    ['x-amz-content-sha256', 'a'.repeat(64)],
    ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
  ])('%s is signed', (name, value) => {
    const { headers } = parse('PUT', '/a/x', {
      [name]: value,
      'content-type': 'text/plain',
      host: 'h',
    }) as SignRequest;
    expect(headers).toEqual({ [name]: value });
  });

  test.each([
    ['x-amz-acl', 'public-read'],
    ['x-amz-grant-read', 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'],
    ['x-amz-copy-source', '/other/key'],
    ['x-amz-copy-source-range', 'bytes=0-1'],
    ['x-amz-server-side-encryption-customer-key', 'k'],
    ['x-amz-server-side-encryption-customer-algorithm', 'AES256'],
    ['x-amz-security-token', 't'],
    ['x-amz-date', '20261129T000000Z'],
    ['x-amz-website-redirect-location', '/'],
    ['x-amz-bypass-governance-retention', 'true'],
    ['x-amz-request-payer', 'requester'],
    ['x-amz-meta-', 'no name'],
    ['x-amz-meta-name', '\xfc'],
    ['x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'],
    ['x-amz-content-sha256', 'a'.repeat(63)],
    ['x-amz-trailer', 'x-amz-checksum-crc32'],
  ])('%s: %s is refused', (name, value) => {
    expect(refusal('PUT', '/a/x', { [name]: value })).toBe('400 header_refused');
  });

  test('a header that stands twice is refused', () => {
    const rawHeaders = ['X-Amz-Meta-A', '1', 'x-amz-meta-a', '2'];
    const request = { method: 'PUT', headers: { 'x-amz-meta-a': '1, 2' }, rawHeaders };
    expect(() =>
      parseObjectRequest(request as unknown as IncomingMessage, parseRequestTarget('/a/x'), TABLE),
    ).toThrow(HttpProblem);
  });
});

test.each(['OPTIONS', 'PATCH', 'TRACE', 'MKCOL'])('%s is refused', (method) => {
  expect(refusal(method, '/a/x')).toBe('405 method_not_allowed');
});

describe('lists', () => {
  test.each([
    ['GET', '/lists/', ''],
    ['HEAD', '/lists/dir/', 'dir/'],
  ])('%s %s lists', (method, url, folder) => {
    expect(parse(method, url)).toMatchObject({ kind: 'list', folder });
  });

  test.each([
    ['GET', '/lists/dir'],
    ['PUT', '/lists/dir/'],
    ['GET', '/a/dir/'],
  ])('%s %s does not', (method, url) => {
    expect(parse(method, url)).toMatchObject({ kind: 'sign' });
  });
});

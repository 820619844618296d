import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { JobSignatures, parseJob, serializeJob, type Job } from '../src/index.ts';

const KEY = 'k'.repeat(32);
const OLD_KEY = 'o'.repeat(32);
const JOB: Job = {
  v: 1,
  service: 's3',
  region: 'us-west-1',
  url: 'https://artifacts.example.com/a?x="},"hmac":"',
  token: 'token',
  generation: '',
  requestId: 'request',
  enqueuedAt: new Date().toISOString(),
};
const BODY = serializeJob(JOB);
const signatures = new JobSignatures([KEY, OLD_KEY]);
const signed = signatures.sign(BODY);

test('a signed job is a job, for readers without a key too', () => {
  expect(signatures.faultOf(signed)).toBeNull();
  expect(parseJob(signed)).toEqual({ ok: true, job: JOB });
  expect(JSON.parse(signed)).toMatchObject({
    hmac: createHmac('sha256', KEY).update(`cloud-mirror job\n${BODY}`).digest('hex'),
  });
});

test('a job that an earlier key signed is valid until the key is removed', () => {
  const old = new JobSignatures([OLD_KEY]).sign(BODY);
  expect(signatures.faultOf(old)).toBeNull();
  expect(new JobSignatures([KEY]).faultOf(old)).toContain('another key');
});

const signature = /"hmac":"(\w+)"\}$/.exec(signed)?.[1] ?? '';

describe('refused is', () => {
  test.each([
    ['a job without a signature', BODY],
    ['nothing', ''],
    ['text', 'hello'],
    ['a list', '[]'],
    ['another URL', signed.replace('artifacts.', 'evil.')],
    ['another service', signed.replace('"s3"', '"s4"')],
    ['another region', signed.replace('us-west-1', 'us-west-2')],
    ['another generation', signed.replace('"generation":""', '"generation":"a"')],
    ['another token', signed.replace('"token":"token"', '"token":"other"')],
    ['another time', signed.replace(/"enqueuedAt":"20/, '"enqueuedAt":"21')],
    ['a field before', signed.replace('{"v"', '{"replaces":"x","v"')],
    ['a field after', signed.replace(/\}$/, ',"url":"https://evil.example/"}')],
    ['a field between', signed.replace(',"hmac"', ',"url":"https://evil.example/","hmac"')],
    ['white space', `${signed} `],
    ['white space within', signed.replace('"v":1', '"v": 1')],
    ['two signatures', signed.replace(/\}$/, `,"hmac":"${signature}"}`)],
    ['an upper-case signature', signed.replace(signature, signature.toUpperCase())],
    ['a shorter signature', signed.replace(signature, signature.slice(2))],
    ['zeros', signed.replace(signature, '0'.repeat(64))],
    ['a signature of another key', new JobSignatures(['x'.repeat(32)]).sign(BODY)],
    [
      'a plain HMAC with the key',
      `${BODY.slice(0, -1)},"hmac":"${createHmac('sha256', KEY).update(BODY).digest('hex')}"}`,
    ],
  ])('%s', (_, body) => {
    expect(body).not.toBe(signed);
    expect(signatures.faultOf(body)).toEqual(expect.any(String));
  });

  test.each([
    [14, null],
    [16, 'it was sent more than 15 days ago'],
  ])('a job of %d days ago: %j', (days, fault) => {
    const enqueuedAt = new Date(Date.now() - days * 86_400_000).toISOString();
    expect(signatures.faultOf(signatures.sign(serializeJob({ ...JOB, enqueuedAt })))).toBe(fault);
  });

  test('a job whose time is no time', () => {
    expect(signatures.faultOf(signatures.sign(serializeJob({ ...JOB, enqueuedAt: 'now' })))).toContain(
      '15 days',
    );
  });
});

import { describe, expect, test } from 'vitest';
import { QueueError } from '@cloud-mirror/job-queue';
import { MAX_JOB_BYTES, parseJob, serializeJob, type Job } from '../src/job.ts';

const JOB: Job = {
  v: 1,
  service: 's3',
  region: 'us-west-1',
  url: 'https://origin.example/a%20b?c=d',
  token: 'token',
  generation: '',
  requestId: 'request',
  enqueuedAt: '2025-11-20T11:00:00.000Z',
};

describe('parseJob', () => {
  test('reads what serializeJob wrote', () => {
    expect(parseJob(serializeJob(JOB))).toEqual({ ok: true, job: JOB });
  });

  test('keeps the ETag of the object to replace and the length that the origin stated', () => {
    for (const originBytes of [5, 0, null]) {
      const job: Job = { ...JOB, replaces: '"etag"', originBytes };
      expect(parseJob(serializeJob(job))).toEqual({ ok: true, job });
    }
  });

  test('ignores unknown fields', () => {
    const body = JSON.stringify({ ...JOB, priority: 7, nested: { any: 'thing' } });
    expect(parseJob(body)).toEqual({ ok: true, job: JOB });
  });

  test.each([
    ['an empty body', ''],
    ['truncated JSON', '{"v":1'],
    ['a string', '"job"'],
    ['null', 'null'],
    ['an array', '[]'],
    ['no version', JSON.stringify({ ...JOB, v: undefined })],
    ['a version that is a string', JSON.stringify({ ...JOB, v: '1' })],
    ['no URL', JSON.stringify({ ...JOB, url: undefined })],
    ['an invalid URL', JSON.stringify({ ...JOB, url: 'https://' })],
    ['a URL that is not http or https', JSON.stringify({ ...JOB, url: 'file:///etc/passwd' })],
    ['an empty token', JSON.stringify({ ...JOB, token: '' })],
    ['a generation with a slash', JSON.stringify({ ...JOB, generation: '../x' })],
    ['a number as the service', JSON.stringify({ ...JOB, service: 3 })],
    ['a body over the limit', JSON.stringify({ ...JOB, more: 'x'.repeat(MAX_JOB_BYTES) })],
  ])('reports %s as malformed', (_name, body) => {
    const parsed = parseJob(body);
    expect(parsed).toMatchObject({ ok: false, fault: 'malformed' });
    if (!parsed.ok) expect(parsed.detail).not.toBe('');
  });

  test.each([2, 0, 1.5, -1])('reports version %d as unknown_version even without other fields', (v) => {
    expect(parseJob(JSON.stringify({ v }))).toMatchObject({ ok: false, fault: 'unknown_version' });
  });

  test('never repeats a value of the message in its detail', () => {
    const parsed = parseJob(JSON.stringify({ ...JOB, url: 'ftp://h/?X-Amz-Signature=secret' }));
    expect(JSON.stringify(parsed)).not.toContain('secret');
  });
});

describe('serializeJob', () => {
  test('writes only the fields of a job', () => {
    const more = { ...JOB, secret: 'x' };
    expect(JSON.parse(serializeJob(more))).toEqual(JOB);
  });

  test('refuses a job that parseJob would refuse', () => {
    expect(() => serializeJob({ ...JOB, url: 'nothing' })).toThrow(QueueError);
    expect(() => serializeJob({ ...JOB, url: `https://h/${'x'.repeat(40_000)}` })).toThrow(QueueError);
  });
});

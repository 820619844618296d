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

  test('keeps what the claim found out: the object to replace, and the length that the origin told', () => {
    for (const originBytes of [5, 0, null]) {
      const job: Job = { ...JOB, replaces: '"etag"', originBytes };
      expect(parseJob(serializeJob(job))).toEqual({ ok: true, job });
    }
  });

  test('passes over fields that it does not know', () => {
    const body = JSON.stringify({ ...JOB, priority: 7, nested: { any: 'thing' } });
    expect(parseJob(body)).toEqual({ ok: true, job: JOB });
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{"v":1'],
    ['text', '"job"'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no version', JSON.stringify({ ...JOB, v: undefined })],
    ['a version that is text', JSON.stringify({ ...JOB, v: '1' })],
    ['no URL', JSON.stringify({ ...JOB, url: undefined })],
    ['a URL that is none', JSON.stringify({ ...JOB, url: 'https://' })],
    ['a URL that is no http', JSON.stringify({ ...JOB, url: 'file:///etc/passwd' })],
    ['an empty token', JSON.stringify({ ...JOB, token: '' })],
    ['a generation with a slash', JSON.stringify({ ...JOB, generation: '../x' })],
    ['a number for a name', JSON.stringify({ ...JOB, service: 3 })],
    ['too much', JSON.stringify({ ...JOB, more: 'x'.repeat(MAX_JOB_BYTES) })],
  ])('says malformed of %s', (_name, body) => {
    const parsed = parseJob(body);
    expect(parsed).toMatchObject({ ok: false, fault: 'malformed' });
    if (!parsed.ok) expect(parsed.detail).not.toBe('');
  });

  test.each([2, 0, 1.5, -1])('says unknown_version of version %d, whatever else is in it', (v) => {
    expect(parseJob(JSON.stringify({ v }))).toMatchObject({ ok: false, fault: 'unknown_version' });
  });

  test('never repeats a value in what it says', () => {
    const parsed = parseJob(JSON.stringify({ ...JOB, url: 'ftp://h/?X-Amz-Signature=secret' }));
    expect(JSON.stringify(parsed)).not.toContain('secret');
  });
});

describe('serializeJob', () => {
  test('writes the fields of a job only', () => {
    const more = { ...JOB, secret: 'x' };
    expect(JSON.parse(serializeJob(more))).toEqual(JOB);
  });

  test('refuses what no reader would take', () => {
    expect(() => serializeJob({ ...JOB, url: 'nothing' })).toThrow(QueueError);
    expect(() => serializeJob({ ...JOB, url: `https://h/${'x'.repeat(40_000)}` })).toThrow(QueueError);
  });
});

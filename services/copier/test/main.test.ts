import { COPIER, startProgram } from '@cloud-mirror/testing/program';
import { expect, test } from 'vitest';

test('a copier runs with a configuration that has no section for front ends', async () => {
  // Nothing listens there: a copier starts without its parts and retries.
  const nowhere = '127.0.0.1:1';
  await using copier = await startProgram(COPIER, {
    config: {
      sources: { allow: [{ prefix: 'https://artifacts.example.com/' }] },
      entries: { url: `redis://${nowhere}` },
      queue: { endpoint: `http://${nowhere}` },
      services: { s3: { kind: 's3', regions: { lab: { bucket: 'lab', endpoint: `http://${nowhere}` } } } },
      copier: { graceSeconds: 0 },
    },
    env: {
      AWS_ACCESS_KEY_ID: 'none',
      AWS_SECRET_ACCESS_KEY: 'none',
      // Meant for a front end on the same machine; a copier must ignore it.
      PORT: 'http',
    },
  });
  expect((await fetch(copier.url('/livez'))).status).toBe(200);
  expect(await copier.stop()).toEqual({ code: 0, signal: null });
});

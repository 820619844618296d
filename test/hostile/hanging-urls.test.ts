import { expect, test } from 'vitest';
import { attackWithHangingUrls } from './hanging-urls.ts';

const STORED = 'cloud-mirror; fwd=miss; stored';

test('1,100 hanging URLs of one client neither stop other clients nor flood the origin', async () => {
  const server = { trustedProxies: ['127.0.0.1'], maxWaiting: 1000 };
  const report = await attackWithHangingUrls({ urls: 1100, goodRequests: 5, overrides: { server } });
  expect(report).toMatchObject({
    before: { [STORED]: 5 },
    during: { [STORED]: 5 },
    sameOrigin: { [STORED]: 5 },
  });
  expect(report.mostConnections).toBeGreaterThan(0);
  expect(report.mostConnections).toBeLessThanOrEqual(64);
}, 120_000);

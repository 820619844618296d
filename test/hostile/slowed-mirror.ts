import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchThrough } from '@cloud-mirror/testing/fetch';
import { embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { redirectPath, startStandaloneMirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { holdSlowClients, type SlowClientsReport } from './slow-clients.ts';

const LARGE_BYTES = 4 * 1024 ** 2;

/** Spawns the standalone program and opens slow connections to it. */
export async function slowDownStandaloneMirror(options: {
  readonly connections: number;
  readonly goodRequests: number;
}): Promise<SlowClientsReport & { readonly exit: number | null }> {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-test-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const origin = opened.use(await startOriginServer());
  const config = await embeddedConfig({
    origins: [origin.baseUrl],
    directory,
    // The slow connections and the good ones come from one address, as through a proxy: no client's share limits them.
    overrides: {
      server: { drainSeconds: 15, trustedProxies: ['127.0.0.1'] },
      copier: { graceSeconds: 5 },
    },
  });
  const mirror = opened.use(await startStandaloneMirror(config, { lines: { keep: 100 } }));
  const small = redirectPath('local', 'here', origin.url('/bytes/100'));
  await fetchThrough(mirror.frontend.url(small));
  const large = await fetchThrough(mirror.redirectUrl('here', origin.url(`/bytes/${LARGE_BYTES}`)));
  const report = await holdSlowClients({ mirror, largeCopy: large.location, goodPath: small, ...options });
  const { code } = await mirror.frontend.stop();
  return { ...report, exit: code };
}

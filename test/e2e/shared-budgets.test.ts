import { expect, inject, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { freePort } from '@cloud-mirror/testing/free-port';
import { distributedConfig, merged, WEST } from '@cloud-mirror/testing/mirror-config';
import { redirectPath, startDistributedMirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { FRONTEND, startProgram } from '@cloud-mirror/testing/program';

test('two front ends and a copier share a budget through Redis', async () => {
  await using origin = await startOriginServer();
  const overrides = { services: { s3: { budgets: { bytesStored: 5_500 } } } };
  const config = await distributedConfig(inject('servers'), { origins: [origin.baseUrl], overrides });
  await using mirror = await startDistributedMirror(config, { copiersFor: [WEST] });
  const port = await freePort();
  await using second = await startProgram(FRONTEND, { config: merged(config.config, { server: { port } }) });
  const path = (name: number) => redirectPath(config.service, WEST, origin.url(`/bytes/1000?name=${name}`));
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, name) =>
      fetchOnWire((name % 2 === 0 ? mirror.frontend : second).url(path(name)), {
        headers: { prefer: 'wait=60' },
      }),
    ),
  );
  const refused = answers.filter(({ headers }) => headers['cache-status']?.includes('over_budget'));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 302));
  expect(refused).toHaveLength(15);
  // On a busy machine copies may be made after the clients' wait.
  const copied = () => origin.requests.filter(({ method }) => method === 'GET').length;
  await eventually(() => copied() >= 5);
  expect(copied()).toBe(5);
});

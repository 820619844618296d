import type { Backend } from '@cloud-mirror/mirrored-objects';
import { tryPublicReading } from '../public-reading.ts';
import { checkEach, failure, messageOf, ok, warning } from './check-group.ts';
import type { CheckGroup, Finding } from './check-group.ts';

/** Checks that each back end's bucket or folder exists, and finds missing capabilities of the store by trial writes. */
export const storeChecks: CheckGroup = {
  name: 'stores',
  async run({ adapters, signal }) {
    return checkEach(adapters.backends.values(), (backend) => checkStore(backend, signal));
  },
};

const NO_RULES =
  'the bucket has no lifecycle rules of the mirror, or these credentials may not read them: without the rules, old copies are never deleted';

async function checkStore(backend: Backend, signal: AbortSignal): Promise<readonly Finding[]> {
  const part = `${backend.name} store`;
  try {
    await backend.store.check({ signal });
  } catch (error) {
    signal.throwIfAborted();
    return [
      failure(
        part,
        'reachable',
        messageOf(error),
        'run setup to create a missing bucket; check bucket, region, endpoint and the credentials',
      ),
    ];
  }
  return [
    ok(part, 'reachable', 'the store answers, and the bucket or folder exists'),
    ...(await checkCapabilities(backend, part, signal)),
  ];
}

async function checkCapabilities(
  backend: Backend,
  part: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { tryStore } = await import('@cloud-mirror/mirror');
  try {
    const trial = await tryStore(backend, { record: false, signal });
    if (trial === null) return [];
    const { losses, fatal, capabilities } = trial;
    const noRules =
      capabilities.lifecycle === 'unknown' ? [warning(part, 'lifecycle', NO_RULES, 'run setup')] : [];
    if (losses.length === 0 && noRules.length === 0)
      return [ok(part, 'capabilities', 'the store has all capabilities that the mirror uses')];
    const lost = losses.map((loss) =>
      loss === fatal
        ? failure(part, wordOf(loss.capability), loss.cost, loss.remedy ?? 'use another store')
        : warning(part, wordOf(loss.capability), loss.cost, loss.remedy),
    );
    return [...lost, ...noRules];
  } catch (error) {
    signal.throwIfAborted();
    const remedy =
      'allow these credentials s3:PutObject, s3:GetObject and s3:DeleteObject for http* and g/*, as in docs/deploy/iam/setup.json';
    return [warning(part, 'capabilities', messageOf(error), remedy)];
  }
}

/** Converts `emptySegments` to `empty_segments`. */
function wordOf(capability: string): string {
  return capability.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Checks that clients can read the copies of public back ends. */
export const publicReadChecks: CheckGroup = {
  name: 'public_reading',
  async run({ adapters, signal }) {
    return checkEach(adapters.backends.values(), (backend) => checkBackend(backend, signal));
  },
};

async function checkBackend(backend: Backend, signal: AbortSignal): Promise<readonly Finding[]> {
  const finding = { part: `${backend.name} store`, check: 'public_read' };
  const reading = await tryPublicReading(backend, signal);
  return reading === null ? [] : [{ ...finding, ...reading }];
}

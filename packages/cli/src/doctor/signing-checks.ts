import type { Backend } from '@cloud-mirror/mirrored-objects';
import { hasSigningLife } from '@cloud-mirror/storage-provider';
import { checkEach, failure, messageOf, ok, warning } from './check-group.ts';
import type { CheckContext, CheckGroup, Finding } from './check-group.ts';

const CHECK = 'signed_life';

/** Checks that the credentials that sign clients' URLs do not expire before the URLs. */
export const signingChecks: CheckGroup = {
  name: 'signing',
  async run({ config, adapters }) {
    return checkEach(adapters.backends.values(), (backend) => checkSigning(config, backend));
  },
};

async function checkSigning(config: CheckContext['config'], backend: Backend): Promise<readonly Finding[]> {
  const { name, service, store } = backend;
  const settings = config.services[service];
  if (store.access !== 'signed' || !hasSigningLife(store)) return [];
  if (settings === undefined || !('signedUrlSeconds' in settings)) return [];
  const part = `${name} store`;
  try {
    const expiresAt = await store.credentialsExpireAt();
    const wanted = settings.signedUrlSeconds;
    const leftSeconds = expiresAt === null ? Infinity : Math.floor((expiresAt.getTime() - Date.now()) / 1000);
    if (leftSeconds >= wanted) return [ok(part, CHECK, `URLs are signed for ${wanted} s`)];
    return [
      warning(
        part,
        CHECK,
        `URLs that are signed now expire with the credentials after ${leftSeconds} s, instead of after ${wanted} s`,
        'set a lower signedUrlSeconds, or use credentials that are valid for longer',
      ),
    ];
  } catch (error) {
    return [failure(part, CHECK, messageOf(error), 'check the credentials of this region')];
  }
}

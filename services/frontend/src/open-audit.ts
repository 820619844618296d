import type { Config } from '@cloud-mirror/mirror';
import { openAuditTrail, type AuditTrail, type Logger } from '@cloud-mirror/program';

export interface AuditParts {
  readonly config: Pick<Config, 'audit'>;
  readonly logger: Logger;
}

/** Opens the audit stream that the configuration names. The caller disposes of it. */
export function openAudit({ config, logger }: AuditParts): Promise<AuditTrail> {
  return openAuditTrail(config.audit, logger);
}

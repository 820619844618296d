import { drained, lineWriter } from '../log-lines.ts';
import type { Logger } from '../logger.ts';
import { AuditFile } from './audit-file.ts';
import type { AuditSink } from './audit-sink.ts';
import { AuditTrail, newChain, type ChainEnd } from './audit-trail.ts';

/** A disk that needs longer counts as failed, so that an operator's call does not hang. */
const WRITE_LIMIT_MS = 5_000;

export interface AuditSettings {
  /** The path of the file; null for standard output, among the log lines. */
  readonly file: string | null;
}

/**
 * Opens the audit stream of a process. In a file, numbers and chain go on after a restart. On standard output, each process
 * begins a new chain.
 * @throws AuditFileError if the file cannot be used
 */
export async function openAuditTrail({ file }: AuditSettings, logger: Logger): Promise<AuditTrail> {
  if (file === null) return auditAmongLog(logger);
  const opened = await AuditFile.open(file);
  const trail = trailTo(opened.file, opened.end, logger);
  if (opened.torn !== null) await recordTornLine(trail, opened.torn, logger);
  return trail;
}

/** A disk that is full now must not keep the program from starting: it refuses changes until there is room. */
async function recordTornLine(trail: AuditTrail, torn: string, logger: Logger): Promise<void> {
  logger.warn({ torn }, 'a crash cut off the last line of the audit file, which was removed');
  await trail.append('recovered', { torn }).catch((error: unknown) => {
    logger.error({ err: error }, 'the audit stream cannot be written');
  });
}

/** The audit stream on the logger's own stream. Needs no opening. */
export function auditAmongLog(logger: Logger): AuditTrail {
  return trailTo(new LogSink(logger), newChain(), logger);
}

function trailTo(sink: AuditSink, end: ChainEnd, logger: Logger): AuditTrail {
  return new AuditTrail(sink, { end, bindings: logger.bindings(), limitMs: WRITE_LIMIT_MS });
}

/** Writes the lines among the log lines, at every level but `silent`, which writes nothing. */
class LogSink implements AuditSink {
  readonly keepsFailedLines = true;
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async append(lines: string): Promise<void> {
    if (this.#logger.level === 'silent') return;
    lineWriter(this.#logger)(lines);
    await drained(this.#logger);
  }

  async close(): Promise<void> {}
}

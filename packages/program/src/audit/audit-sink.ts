/** A line of the audit stream could not be written and flushed. */
export class AuditWriteError extends Error {
  override readonly name = 'AuditWriteError';
  readonly code = 'audit_unavailable';
}

/** Where the lines of an audit stream go. {@link AuditTrail} makes one call at a time. */
export interface AuditSink {
  /** Whether a line may reach its destination although `append` rejected. The chain then goes on after that line. */
  readonly keepsFailedLines: boolean;
  /**
   * Appends whole lines, and resolves once they survive the end of this process.
   * @throws an error if they could not be written
   */
  append(lines: string): Promise<void>;
  close(): Promise<void>;
}

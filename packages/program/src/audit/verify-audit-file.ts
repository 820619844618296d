import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { NO_LINE } from './audit-trail.ts';

/** What the lines of an audit file prove. */
export interface AuditReport {
  readonly lines: number;
  /** The number and the digest of the last line. Keep them elsewhere to notice that later lines were removed. */
  readonly last: { readonly seq: number; readonly digest: string } | null;
  /** Numbers of changes that began and did not end: a crash interrupted them, or they are under way. */
  readonly interrupted: readonly number[];
  /** Breaks of the chain, each with the number of its line in the file, from 1. At most {@link MOST_FAULTS}. */
  readonly faults: readonly { readonly line: number; readonly what: string }[];
}

const MOST_FAULTS = 20;
const LONGEST_LINE_BYTES = 1024 * 1024;

interface ChainedLine {
  readonly chain: string;
  readonly seq: number;
  readonly prev: string;
  readonly event: string;
  readonly begunSeq?: number;
}

/**
 * Checks the numbers and the chain of an audit file. The first line may have any number, because older lines may be in a
 * rotated file.
 * @throws an error if the file cannot be read
 */
export async function verifyAuditFile(path: string): Promise<AuditReport> {
  const faults: { line: number; what: string }[] = [];
  const interrupted = new Set<number>();
  let last: { chain: string; seq: number; digest: string } | null = null;
  let lines = 0;
  const fault = (what: string): void => {
    if (faults.length < MOST_FAULTS) faults.push({ line: lines, what });
  };
  for await (const { bytes, whole } of linesOf(path)) {
    lines += 1;
    if (!whole) {
      fault('the line is cut off');
      continue;
    }
    const line = chainedLine(bytes);
    if (line === null) {
      fault('this is no audit line');
      continue;
    }
    const { chain, seq, prev, event, begunSeq } = line;
    if (last === null || chain !== last.chain) {
      if (last !== null) fault(`another chain begins: ${chain}`);
      if (seq === 1 && prev !== NO_LINE) fault('the first line of a chain names a line before it');
    } else if (seq !== last.seq + 1) fault(`number ${seq} follows number ${last.seq}`);
    else if (prev !== last.digest) fault(`the line before, number ${last.seq}, was changed`);
    if (event === 'begun') interrupted.add(seq);
    if (begunSeq !== undefined) interrupted.delete(begunSeq);
    last = { chain, seq, digest: createHash('sha256').update(bytes).digest('hex') };
  }
  const end = last as { seq: number; digest: string } | null;
  return {
    lines,
    last: end === null ? null : { seq: end.seq, digest: end.digest },
    interrupted: [...interrupted],
    faults,
  };
}

function chainedLine(bytes: Buffer): ChainedLine | null {
  try {
    const value = JSON.parse(bytes.toString()) as Record<string, unknown> | null;
    const { chain, seq, prev, event, begunSeq } = value ?? {};
    if (typeof chain !== 'string' || typeof seq !== 'number' || typeof prev !== 'string') return null;
    if (typeof event !== 'string') return null;
    return { chain, seq, prev, event, ...(typeof begunSeq === 'number' && { begunSeq }) };
  } catch {
    return null;
  }
}

/** The lines of a file without their line feeds, as exact bytes. The last one may have no line feed. */
async function* linesOf(path: string): AsyncGenerator<{ readonly bytes: Buffer; readonly whole: boolean }> {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      yield { bytes: rest.subarray(0, end), whole: true };
      rest = rest.subarray(end + 1);
    }
    if (rest.length > LONGEST_LINE_BYTES) throw new RangeError(`${path} has a line of more than a mebibyte`);
  }
  if (rest.length > 0) yield { bytes: rest, whole: false };
}

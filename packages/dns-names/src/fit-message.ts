import { FLAG, HEADER_BYTES, TYPE } from './constants.ts';
import { endOfName } from './wire.ts';

/** Records end in one of these sections; the numbers are the offsets of their counts in the header. */
const COUNTS = { answers: 6, authorities: 8, additionals: 10 } as const;

interface Found {
  readonly count: (typeof COUNTS)[keyof typeof COUNTS];
  readonly start: number;
  readonly end: number;
  readonly isOption: boolean;
}

/**
 * Shortens a reply to what its client takes: records are left out from its end, the one for EDNS last of all. The flag TC
 * says so if any answer is missing; additional records are only a favour (RFC 2181, section 9). What is left has as many
 * whole records as fit, because some clients never ask again over TCP.
 */
export function fitMessage(message: Buffer, limit: number): Buffer {
  if (message.length <= limit) return message;
  const { questionEnd, records } = recordsOf(message);
  const option = records.find(({ isOption }) => isOption);
  const room = limit - (option === undefined ? 0 : option.end - option.start);
  const others = records.filter(({ isOption }) => !isOption);
  const beyond = others.findIndex(({ end }) => end > room);
  // A record for EDNS that is not the last one is moved, so the records behind it cannot be taken as they are.
  const last = option === undefined ? others.length : others.filter(({ end }) => end <= option.start).length;
  const kept = others.slice(0, Math.min(beyond === -1 ? others.length : beyond, last));
  const end = kept.at(-1)?.end ?? questionEnd;
  const fitted = Buffer.concat([
    message.subarray(0, end),
    ...(option === undefined ? [] : [message.subarray(option.start, option.end)]),
  ]);
  for (const count of Object.values(COUNTS)) {
    const own = kept.filter((each) => each.count === count).length;
    const isOptions = option?.count === count;
    fitted.writeUInt16BE(own + (isOptions ? 1 : 0), count);
  }
  const lacksAnswers = others.slice(kept.length).some(({ count }) => count !== COUNTS.additionals);
  if (lacksAnswers) fitted.writeUInt16BE(fitted.readUInt16BE(2) | FLAG.truncated, 2);
  return fitted;
}

/** @throws an error if the parts of a message do not fit together. What is in the records is not looked at. */
export function checkParts(message: Buffer): void {
  recordsOf(message);
}

/** @throws WireError or RangeError if the message is malformed */
function recordsOf(message: Buffer): { questionEnd: number; records: Found[] } {
  let at = HEADER_BYTES;
  for (let left = message.readUInt16BE(4); left > 0; left -= 1) at = endOfName(message, at) + 4;
  const questionEnd = at;
  const records: Found[] = [];
  for (const count of Object.values(COUNTS)) {
    for (let left = message.readUInt16BE(count); left > 0; left -= 1) {
      const start = at;
      const owner = endOfName(message, at);
      at = owner + 10 + message.readUInt16BE(owner + 8);
      if (at > message.length) throw new RangeError('the message ends within a record');
      records.push({ count, start, end: at, isOption: message.readUInt16BE(owner) === TYPE.OPT });
    }
  }
  return { questionEnd, records };
}

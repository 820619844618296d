import { encode, type Answer } from 'dns-packet';
import { FLAG, HEADER_BYTES, RCODE, RECEIVED_UDP_BYTES, type Rcode } from './constants.ts';
import type { DnsQuery, QueryRefusal } from './dns-query.ts';

export interface DnsReply {
  readonly rcode: Rcode;
  readonly isAuthoritative: boolean;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
}

/** Where the target of an SRV record is, counted from the end of the record's owner: RFC 2782 and RFC 1035, section 4.1.3. */
const SRV_TARGET_OFFSET = 16;
const LARGEST_POINTER = 0x3fff;
/** BADVERS is 16: 1 in the extended code, 0 in the header. */
const BADVERS_EXTENDED = 1;

/** The whole reply to a query, whatever its length: see `fitMessage`. */
export function encodeReply(query: DnsQuery, reply: DnsReply, recursionAvailable: boolean): Buffer {
  const { rcode, isAuthoritative, answers = [], authorities = [], additionals = [] } = reply;
  const writer = new MessageWriter(query);
  for (const record of [...answers, ...authorities, ...additionals]) writer.add(record);
  if (query.edns !== null) writer.addOption(optionRecord(query.edns.dnssecOk, 0));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(
    FLAG.response |
      (isAuthoritative ? FLAG.authoritative : 0) |
      (query.recursionDesired ? FLAG.recursionDesired : 0) |
      (recursionAvailable ? FLAG.recursionAvailable : 0) |
      (query.checkingDisabled ? FLAG.checkingDisabled : 0) |
      rcode,
    2,
  );
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  header.writeUInt16BE(authorities.length, 8);
  header.writeUInt16BE(additionals.length + (query.edns === null ? 0 : 1), 10);
  return writer.message(header);
}

/** The reply to a message that is no good query. It is not longer than the message, but for BADVERS. */
export function encodeRefusal({ id, flags, question, rcode, isBadVersion }: QueryRefusal): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG.response | (flags & (FLAG.opcode | FLAG.recursionDesired)) | rcode, 2);
  header.writeUInt16BE(question === null ? 0 : 1, 4);
  header.writeUInt16BE(isBadVersion ? 1 : 0, 10);
  const option = isBadVersion ? encodeRecord(optionRecord(false, BADVERS_EXTENDED)) : Buffer.alloc(0);
  return Buffer.concat([header, question ?? Buffer.alloc(0), option]);
}

/** Tells a client to ask again over TCP. */
export function encodeTruncated(query: DnsQuery): Buffer {
  const message = encodeReply(query, { rcode: RCODE.NOERROR, isAuthoritative: false }, false);
  message.writeUInt16BE(message.readUInt16BE(2) | FLAG.truncated, 2);
  return message;
}

function optionRecord(dnssecOk: boolean, extendedRcode: number): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: RECEIVED_UDP_BYTES,
    extendedRcode,
    ednsVersion: 0,
    flags: dnssecOk ? 0x8000 : 0,
    flag_do: dnssecOk,
    options: [],
  };
}

/** A record with its owner, by dns-packet, which knows whole messages only. */
function encodeRecord(record: Answer): Buffer {
  return encode({ type: 'response', answers: [record] }).subarray(HEADER_BYTES);
}

/**
 * Puts records behind the question. An owner that is in the message already becomes a pointer to it (RFC 1035, section
 * 4.1.4), which dns-packet does not do: without this, half as many records fit into a message.
 */
class MessageWriter {
  readonly #parts: Buffer[];
  /** Offsets of names, in lower case. */
  readonly #names = new Map<string, number>();
  #length: number;

  constructor({ question, name }: DnsQuery) {
    this.#parts = [question];
    this.#length = HEADER_BYTES + question.length;
    let at = HEADER_BYTES;
    const labels = name === null || name === '' ? [] : name.split('.');
    for (const [index, label] of labels.entries()) {
      this.#names.set(labels.slice(index).join('.'), at);
      at += label.length + 1;
    }
  }

  add(record: Answer): void {
    const start = this.#names.get(record.name);
    const owner = start === undefined ? null : pointerTo(start);
    // The root is one byte, which the pointer replaces.
    const encoded = encodeRecord(owner === null ? record : { ...record, name: '.' });
    const ownerBytes = owner === null ? record.name.length + 2 : owner.length;
    const before = this.#length;
    if (owner !== null) this.#push(owner);
    this.#push(owner === null ? encoded : encoded.subarray(1));
    if (owner === null) this.#remember(record.name, before);
    if (record.type === 'SRV') this.#remember(record.data.target, before + ownerBytes + SRV_TARGET_OFFSET);
  }

  addOption(record: Answer): void {
    this.#push(encodeRecord(record));
  }

  message(header: Buffer): Buffer {
    return Buffer.concat([header, ...this.#parts], this.#length);
  }

  #push(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  #remember(name: string, offset: number): void {
    if (offset <= LARGEST_POINTER && !this.#names.has(name)) this.#names.set(name, offset);
  }
}

function pointerTo(offset: number): Buffer {
  const pointer = Buffer.alloc(2);
  pointer.writeUInt16BE(0xc000 | offset);
  return pointer;
}

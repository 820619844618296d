import type { Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';

/** `upstream`: towards the server. `downstream`: towards the client. */
export type Direction = 'upstream' | 'downstream';

export type ProxyMode =
  | { readonly kind: 'pass' }
  /** Delays each chunk, one after the other. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Accepts connections, but holds the bytes of both directions until the mode changes. */
  | { readonly kind: 'blackhole' }
  /** Closes connections with FIN at once. */
  | { readonly kind: 'cut' }
  /** Closes connections with RST at once. */
  | { readonly kind: 'reset' }
  /** Does not listen. */
  | { readonly kind: 'refuse' }
  /** Closes a connection with FIN or RST after `bytes` have passed in one direction. */
  | {
      readonly kind: 'end-after';
      readonly how: 'cut' | 'reset';
      readonly bytes: number;
      readonly direction: Direction;
    }
  /** Changes one byte of a connection after `afterBytes` have passed in one direction. */
  | { readonly kind: 'corrupt'; readonly afterBytes: number; readonly direction: Direction }
  | { readonly kind: 'rate'; readonly bytesPerSecond: number };

/** A client's connection and the connection to the server. */
export class PairedSockets {
  readonly #client: Socket;
  readonly #server: Socket | null;
  readonly #gates: readonly FaultGate[];

  constructor(client: Socket, reach: () => Socket, mode: ProxyMode) {
    this.#client = client;
    client.on('error', () => this.end('reset'));
    client.setNoDelay(true);
    if (mode.kind === 'cut' || mode.kind === 'reset') {
      this.#server = null;
      this.#gates = [];
      this.end(mode.kind);
      return;
    }
    const server = reach();
    this.#server = server;
    server.allowHalfOpen = true;
    server.setNoDelay(true);
    server.on('error', () => this.end('reset'));
    const onLimit = (how: 'cut' | 'reset'): void => this.end(how);
    const up = new FaultGate('upstream', mode, onLimit);
    const down = new FaultGate('downstream', mode, onLimit);
    this.#gates = [up, down];
    client.pipe(up).pipe(server);
    server.pipe(down).pipe(client);
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroySoon());
  }

  setMode(mode: ProxyMode): void {
    if (mode.kind === 'cut' || mode.kind === 'reset') this.end(mode.kind);
    else for (const gate of this.#gates) gate.setMode(mode);
  }

  end(how: 'cut' | 'reset'): void {
    for (const socket of [this.#client, this.#server]) {
      if (socket === null || socket.destroyed) continue;
      if (how === 'reset') resetOf(socket);
      else socket.destroySoon();
    }
    for (const gate of this.#gates) gate.destroy();
  }
}

/** While a FIN is pending, a reset fails (EINVAL), and Node then never closes the handle. */
function resetOf(socket: Socket): void {
  const ending = socket.writableEnded && !socket.writableFinished;
  if (ending) socket.destroy();
  else socket.resetAndDestroy();
}

/** Applies the mode to the bytes of one direction. */
class FaultGate extends Transform {
  readonly #direction: Direction;
  readonly #onLimit: (how: 'cut' | 'reset') => void;
  #mode: ProxyMode;
  #passed = 0;
  #kept: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(direction: Direction, mode: ProxyMode, onLimit: (how: 'cut' | 'reset') => void) {
    super();
    this.#direction = direction;
    this.#mode = mode;
    this.#onLimit = onLimit;
  }

  setMode(mode: ProxyMode): void {
    this.#mode = mode;
    const kept = this.#kept;
    if (kept === null || mode.kind === 'blackhole') return;
    this.#kept = null;
    kept();
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    const mode = this.#mode;
    switch (mode.kind) {
      case 'blackhole':
        this.#kept = () => this._transform(chunk, encoding, done);
        return;
      case 'latency':
        this.#later(mode.ms, () => this.#pass(chunk, done));
        return;
      case 'rate':
        this.#later((chunk.length / mode.bytesPerSecond) * 1_000, () => this.#pass(chunk, done));
        return;
      case 'corrupt':
        this.#pass(
          mode.direction === this.#direction ? this.#corrupted(chunk, mode.afterBytes) : chunk,
          done,
        );
        return;
      case 'end-after':
        this.#endAfter(chunk, mode, done);
        return;
      case 'pass':
      case 'cut':
      case 'reset':
      case 'refuse':
        this.#pass(chunk, done);
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#mode.kind === 'blackhole') this.#kept = () => done();
    else done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    done(error);
  }

  #later(ms: number, then: () => void): void {
    this.#timer = setTimeout(then, ms);
  }

  #pass(chunk: Buffer, done: TransformCallback): void {
    this.#passed += chunk.length;
    done(null, chunk);
  }

  #corrupted(chunk: Buffer, afterBytes: number): Buffer {
    const at = afterBytes - this.#passed;
    if (at < 0 || at >= chunk.length) return chunk;
    const copy = Buffer.from(chunk);
    copy.writeUInt8(copy.readUInt8(at) ^ 0x01, at);
    return copy;
  }

  #endAfter(chunk: Buffer, mode: ProxyMode & { kind: 'end-after' }, done: TransformCallback): void {
    const left = mode.bytes - this.#passed;
    if (mode.direction !== this.#direction || chunk.length < left) return this.#pass(chunk, done);
    this.push(chunk.subarray(0, Math.max(0, left)));
    // Lets the bytes before the limit leave first. Later bytes are never passed.
    setImmediate(() => this.#onLimit(mode.how));
  }
}

// A seeded source of everything that looks random here, so that two runs make the same bot, byte for byte.

import { createCipheriv, createHash } from 'node:crypto'

export class Random {
  #state
  #keystream

  /** @param {string | number} seed the same seed gives the same sequence, on every machine */
  constructor(seed) {
    const key = createHash('sha256').update(String(seed)).digest()
    this.#state = new Uint32Array([key.readUInt32LE(0), key.readUInt32LE(4), key.readUInt32LE(8), 1])
    // An AES keystream: bytes that no compressor shrinks, at memory speed.
    this.#keystream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
    for (let i = 0; i < 12; i++) this.uint32()
  }

  /** sfc32, a small and fast generator that passes PractRand. */
  uint32() {
    const s = this.#state
    const sum = (s[0] + s[1] + s[3]) >>> 0
    s[3] += 1
    s[0] = s[1] ^ (s[1] >>> 9)
    s[1] = (s[2] + (s[2] << 3)) >>> 0
    s[2] = (((s[2] << 21) | (s[2] >>> 11)) + sum) >>> 0
    return sum
  }

  /** From 0 up to, not including, 1. */
  fraction() {
    return this.uint32() / 0x1_0000_0000
  }

  /** An integer from `low` to `high`, both included. */
  int(low, high) {
    return low + Math.floor(this.fraction() * (high - low + 1))
  }

  chance(probability) {
    return this.fraction() < probability
  }

  pick(list) {
    return list[Math.floor(this.fraction() * list.length)]
  }

  /** Bytes that do not compress. */
  bytes(length) {
    return this.#keystream.update(Buffer.alloc(length))
  }

  digits(length) {
    let out = ''
    while (out.length < length) out += String(this.uint32())
    return out.slice(0, length)
  }

  hex(length) {
    return this.bytes(Math.ceil(length / 2))
      .toString('hex')
      .slice(0, length)
  }
}

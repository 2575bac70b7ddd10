// The WhatsApp session folder, laid down by Baileys' own multi-file auth state. Only the keys in it are invented.

import { useMultiFileAuthState } from 'baileys'
import { NOW, name, phone } from './people.mjs'
import { Random } from './random.mjs'

const ABREAST = 200

/** Makes a session of `files` files in `folder`: creds.json, pre-keys, sessions, sender keys, app state. */
export async function makeSession(folder, { files, seed }) {
  const random = new Random(`${seed}/session`)
  const { state, saveCreds } = await useMultiFileAuthState(folder)
  Object.assign(state.creds, credentials(random, files))
  await saveCreds()

  const keys = []
  const one = (type, id, value) => keys.push({ [type]: { [id]: value } })
  for (const id of ['critical_block', 'regular_high', 'regular', 'regular_low'])
    one('app-state-sync-version', id, appState(random))
  for (let i = 0; i < 6; i++) one('app-state-sync-key', random.bytes(6).toString('base64'), syncKey(random))
  for (let id = 1; keys.length < files - 1; id++) {
    const kind = id % 20
    if (kind < 7) one('pre-key', String(id), keyPair(random))
    else if (kind < 16) one('session', `${phone(random)}.0`, session(random))
    else one('sender-key', `${random.digits(18)}@g.us::${phone(random)}::0`, senderKey(random))
  }
  keys.length = Math.max(0, files - 1)
  for (let i = 0; i < keys.length; i += ABREAST)
    await Promise.all(keys.slice(i, i + ABREAST).map((key) => state.keys.set(key)))
}

/** Opens an existing session as the bot does, to go on writing to it: `contacts` people write to it in turn. */
export async function openSession(folder, { seed, contacts = 30 }) {
  const random = new Random(`${seed}/live`)
  const people = Array.from({ length: contacts }, () => phone(random))
  const { state, saveCreds } = await useMultiFileAuthState(folder)
  return {
    /** What a received message does: the sender's ratchet moves on. */
    receive: () => state.keys.set({ session: { [`${random.pick(people)}.0`]: session(random) } }),
    /** What a new contact does: a pre-key is used up and the next one is made. */
    renew: async () => {
      const id = state.creds.nextPreKeyId++
      await state.keys.set({ 'pre-key': { [String(id)]: keyPair(random) } })
      await saveCreds()
    }
  }
}

/** The content of a session file after one more message: for changing many files without Baileys in between. */
export const sessionRecord = (random) => JSON.stringify(session(random))

function credentials(random, files) {
  const number = phone(random)
  return {
    noiseKey: keyPair(random),
    pairingEphemeralKeyPair: keyPair(random),
    signedIdentityKey: keyPair(random),
    signedPreKey: { keyPair: keyPair(random), signature: random.bytes(64), keyId: 1 },
    registrationId: random.int(1, 16380),
    advSecretKey: random.bytes(32).toString('base64'),
    me: { id: `${number}:12@s.whatsapp.net`, name: name(random), lid: `${random.digits(15)}:12@lid` },
    account: {
      details: random.bytes(20).toString('base64'),
      accountSignature: random.bytes(64).toString('base64'),
      deviceSignature: random.bytes(64).toString('base64')
    },
    platform: 'android',
    nextPreKeyId: files + 1,
    firstUnuploadedPreKeyId: files + 1,
    lastAccountSyncTimestamp: Math.floor(NOW / 1000),
    myAppStateKeyId: random.bytes(6).toString('base64'),
    registered: true
  }
}

const keyPair = (random) => ({ private: random.bytes(32), public: random.bytes(32) })

const b64 = (random, length) => random.bytes(length).toString('base64')

// libsignal's own serialized form of a session with one sending and one receiving chain.
function session(random) {
  const base = b64(random, 33)
  const used = NOW - random.int(0, 90 * 86_400_000)
  return {
    _sessions: {
      [base]: {
        registrationId: random.int(1, 0x7fffffff),
        currentRatchet: {
          ephemeralKeyPair: { pubKey: b64(random, 33), privKey: b64(random, 32) },
          lastRemoteEphemeralKey: b64(random, 33),
          previousCounter: random.int(0, 40),
          rootKey: b64(random, 32)
        },
        indexInfo: {
          baseKey: base,
          baseKeyType: 2,
          closed: -1,
          used,
          created: used - random.int(0, 9e9),
          remoteIdentityKey: b64(random, 33)
        },
        _chains: {
          [b64(random, 33)]: {
            chainKey: { counter: random.int(0, 400), key: b64(random, 32) },
            chainType: 1,
            messageKeys: {}
          }
        }
      }
    },
    version: 'v1'
  }
}

function senderKey(random) {
  return Buffer.from(
    JSON.stringify([
      {
        senderKeyId: random.uint32(),
        senderChainKey: { iteration: random.int(0, 900), seed: { type: 'Buffer', data: b64(random, 32) } },
        senderSigningKey: { public: { type: 'Buffer', data: b64(random, 33) } },
        senderMessageKeys: []
      }
    ])
  )
}

const syncKey = (random) => ({
  keyData: random.bytes(32),
  fingerprint: { rawId: random.uint32(), currentIndex: 1, deviceIndexes: [0, 1] },
  timestamp: String(NOW)
})

function appState(random) {
  const indexValueMap = {}
  for (let i = 0; i < 12; i++) indexValueMap[b64(random, 32)] = { valueMac: random.bytes(32) }
  return { version: random.int(1, 900), hash: random.bytes(128), indexValueMap }
}

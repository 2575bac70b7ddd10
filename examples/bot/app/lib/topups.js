// Top-ups: the photo of the payment goes into temp/topup_proofs, the request into a JSON file, the money into SQLite.

'use strict'

const { query } = require('./databases')
const { changeJson } = require('./json-files')
const { keepPhoto } = require('./photos')
const { now } = require('./place')

const PROOFS = 'temp/topup_proofs'

async function topUp({ user, amount, proof }) {
  const id = `TOPUP${Date.now()}`
  const photo = keepPhoto(PROOFS, `${id}.jpg`, proof)
  const request = { id, user, amount, proof: photo, at: now() }
  changeJson('saldo_requests', (requests) => [...requests, request])
  await query('saldo', 'INSERT INTO user_saldo (jid, saldo, updated_at) VALUES (?, ?, ?)', user, amount, request.at)
  await query(
    'saldo',
    "INSERT INTO saldo_transactions (type, amount, reference, created_at) VALUES ('topup', ?, ?, ?)",
    amount,
    id,
    request.at
  )
  return request
}

module.exports = { PROOFS, topUp }

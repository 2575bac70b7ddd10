// Everything of the bot that is neither a database nor its session: JSON, settings, logs, templates, photos.

import { appendFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { address, COMMANDS, jid, message, moment, NOW, name, PACKAGES, phone, rupiah, timestamp } from './people.mjs'
import { Random } from './random.mjs'

const MONTHS = ['09', '10', '11']
const PHOTOS_PER_TICKET = 4

const TEMPLATES = {
  wifi: ['ganti_sandi', 'ganti_nama', 'reboot', 'status_modem'],
  report: ['diterima', 'diproses', 'selesai', 'batal'],
  payment: ['tagihan', 'lunas', 'terlambat', 'isolir'],
  saldo: ['topup', 'berhasil', 'gagal', 'kurang'],
  psb: ['daftar', 'survei', 'terpasang', 'aktif']
}

/** The names of the JSON files in `database/`, of which the bot rewrites many in place. */
export const JSON_FILES = [
  ...'accounts reports requests cron wifi_change_logs packages voucher invoices technicians agents areas odp compensations schedules notifications blacklist statistics maintenance network_assets mikrotik_devices saldo_requests broadcast payments speed_requests'
    .split(' ')
    .map((stem) => `${stem}.json`),
  ...Object.keys(TEMPLATES).map((stem) => `${stem}_templates.json`),
  ...Array.from({ length: 31 }, (_, day) => `sla_metrics_2026-10-${String(day + 1).padStart(2, '0')}.json`)
]

/** The content of one of these files, as the bot writes it. */
export function jsonFile(file, random, rows = 40) {
  const stem = file.replace(/\.json$/, '')
  const [kind] = stem.split('_')
  if (stem.endsWith('_templates')) {
    return pretty(
      Object.fromEntries(
        (TEMPLATES[kind] ?? []).map((key) => [
          key,
          {
            name: key.replaceAll('_', ' '),
            template: `Halo *\${nama}*,\n\n${message(random)}\n\nSalam, *RAF NET*`,
            enabled: true
          }
        ])
      )
    )
  }
  if (stem === 'accounts') {
    return pretty(
      Array.from({ length: 6 }, (_, id) => ({
        id,
        username: name(random).toLowerCase().replaceAll(' ', '.'),
        password: `$2b$10$${random.bytes(39).toString('base64')}`,
        role: random.pick(['owner', 'admin', 'teknisi'])
      }))
    )
  }
  return pretty(
    Array.from({ length: rows }, (_, id) => ({
      id: `${kind.toUpperCase()}-${random.hex(10)}`,
      no: id + 1,
      user: jid(random),
      name: name(random),
      address: address(random),
      package: random.pick(PACKAGES)[0],
      amount: `Rp${rupiah(random.int(5, 900) * 1000)}`,
      note: message(random),
      at: moment(random)
    }))
  )
}

/** One line of a log of the bot. */
export function logLine(random, ms = NOW - random.int(0, 86_400_000 * 30)) {
  return `[${timestamp(ms)}] ${random.pick(['INFO', 'INFO', 'INFO', 'WARN', 'ERROR'])} [${random.pick(['whatsapp', 'genieacs', 'mikrotik', 'payment', 'cron'])}] ${random.pick(COMMANDS)} ${phone(random)} ${random.hex(8)} ${random.int(3, 2400)}ms ${message(random)}\n`
}

export async function makeJson(root, { seed, rows }) {
  await mkdir(join(root, 'database'), { recursive: true })
  for (const file of JSON_FILES)
    await writeFile(join(root, 'database', file), jsonFile(file, new Random(`${seed}/${file}`), rows))
}

export async function makeSettings(root, { seed }) {
  const random = new Random(`${seed}/settings`)
  await put(
    root,
    'config.json',
    pretty({
      nama: 'RAF NET',
      ownerNumber: [jid(random), jid(random)],
      site_url_bot: 'https://bot.example.id',
      telfon: phone(random),
      ipaymu: { va: random.digits(16), secret: random.hex(32).toUpperCase() },
      jam_operasional: { mulai: '08:00', selesai: '20:00' }
    })
  )
  await put(root, 'config/cron.json', pretty({ tagihan: '0 8 1 * *', isolir: '0 0 10 * *', pengingat: '0 9 5 * *' }))
  await put(
    root,
    'config/genieacs.json',
    pretty({
      url: 'http://10.0.0.2:7557',
      timeout: 15000,
      parameters: Array.from(
        { length: 8 },
        (_, i) => `InternetGatewayDevice.LANDevice.1.WLANConfiguration.${i + 1}.SSID`
      )
    })
  )
  await put(
    root,
    'templates/invoice.html',
    `<!doctype html><html lang="id"><title>Tagihan</title><body>${Array.from({ length: 40 }, () => `<p>${message(random)}</p>`).join('\n')}</body></html>\n`
  )
  await put(
    root,
    'package.json',
    pretty({
      name: 'raf-bot',
      version: '1.0.0',
      private: true,
      main: 'index.js',
      scripts: { start: 'node index.js' }
    })
  )
  await mkdir(join(root, 'public/uploads/kosong'), { recursive: true })
  // Windows lets only some users make links; the bot does without it there.
  await symlink('config.json', join(root, 'config-aktif.json')).catch((error) => {
    if (error.code !== 'EPERM') throw error
  })
}

export async function makeLogs(root, { files, bytes, seed }) {
  await mkdir(join(root, 'logs'), { recursive: true })
  for (let i = 0; i < files; i++)
    await growLog(join(root, 'logs', logName(i)), bytes / files, new Random(`${seed}/log/${i}`))
}

export const logName = (index) => (index === 0 ? 'bot.log' : `bot-2026-11-${String(23 - index).padStart(2, '0')}.log`)

/** Appends whole lines, at least `bytes` of them. */
export async function growLog(file, bytes, random) {
  let left = bytes
  while (left > 0) {
    let text = ''
    while (text.length < Math.min(left, 1 << 20)) text += logLine(random)
    await appendFile(file, text)
    left -= Buffer.byteLength(text)
  }
}

/** Photos of `bytes[0]` to `bytes[1]` bytes, in the folders of the tickets that they belong to. Returns their paths. */
export async function makePhotos(root, { count, bytes: [smallest, largest], seed, first = 0 }) {
  const random = new Random(`${seed}/photos`)
  const made = []
  for (let i = first; i < first + count; i++) {
    const ticket = Math.floor(i / PHOTOS_PER_TICKET)
    const month = MONTHS[ticket % MONTHS.length]
    const path = `uploads/reports/2026/${month}/TKT${String(ticket + 1).padStart(7, '0')}/foto_${i}.jpg`
    await put(root, path, photo(random, random.int(smallest, largest)))
    made.push(path)
  }
  return made
}

/** Photos outside of `uploads/`: proofs of payments, which are kept for ever in a folder called temp, and what the web shows. */
export async function makeProofs(root, { count, bytes: [smallest, largest], seed }) {
  const random = new Random(`${seed}/proofs`)
  for (let i = 0; i < count; i++) {
    await put(root, `temp/topup_proofs/TOPUP${1763880000000 + i}.jpg`, photo(random, random.int(smallest, largest)))
    await put(root, `static/uploads/promo/promo_${i}.jpg`, photo(random, random.int(smallest, largest)))
  }
}

// A JPEG as a compressor sees one: the real tables of a baseline file, then entropy-coded bytes with stuffed zeros.
const JPEG_START = Buffer.from(
  'ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b080320025801011100ffc4001f0000010501010101010100000000000000000102030405060708090a0bffda0008010100003f00',
  'hex'
)

function photo(random, length) {
  const data = random.bytes(length)
  JPEG_START.copy(data)
  for (let at = data.indexOf(0xff, JPEG_START.length); at !== -1 && at < length - 1; at = data.indexOf(0xff, at + 2))
    data[at + 1] = 0
  data.writeUInt16BE(0xffd9, length - 2)
  return data
}

const pretty = (value) => `${JSON.stringify(value, null, 2)}\n`

async function put(root, path, content) {
  const file = join(root, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
}

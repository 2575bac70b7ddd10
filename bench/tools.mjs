// The tools that are compared: how each is found, and the commands of each phase. All run as a new user would run
// them: their own defaults, encryption on, caches and configuration in an empty home folder of their own.
//
// A phase is { argv, cwd?, stdout? } or null where the tool has no such command. A tool without `inPlace` restores over the
// root as it restores into any folder.

import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const PASSWORD = 'correct horse battery staple'
const LIFEBOAT = resolve(
  fileURLToPath(import.meta.url),
  '../../bin',
  process.platform === 'win32' ? 'lifeboat.exe' : 'lifeboat'
)

/** @typedef {{ name: string, program: string, install: string, version: (program: string) => string, note?: string, open: (place: Place) => Phases }} Tool */
/** @typedef {{ program: string, root: string, vault: string, home: string }} Place what a tool works with in one run */

/** @type {Tool[]} */
export const TOOLS = [
  {
    name: 'lifeboat',
    program: LIFEBOAT,
    install: 'npm install   (builds bin/lifeboat)',
    version: (program) => firstLine(program, '--version'),
    open: (place) =>
      lifeboat(place, { BACKUP_KEY_FILE: join(place.home, 'key') }, ['init', '--key-file', join(place.home, 'key')])
  },
  {
    // Every command pays scrypt once. Measured apart: the host hands the opened key to its workers.
    name: 'lifeboat-passphrase',
    onlyWhenNamed: true,
    program: LIFEBOAT,
    install: 'npm install   (builds bin/lifeboat)',
    version: (program) => firstLine(program, '--version'),
    open: (place) => lifeboat(place, { BACKUP_PASSPHRASE: PASSWORD }, ['init'])
  },
  {
    name: 'restic',
    program: 'restic',
    install: 'apt-get install restic',
    version: (program) => firstLine(program, 'version'),
    open: ({ program, root, vault, home }) => ({
      env: { RESTIC_REPOSITORY: vault, RESTIC_PASSWORD_FILE: passwordFile(home) },
      prepare: [{ argv: [program, 'init'] }],
      backup: { argv: [program, 'backup', '--quiet', '.'], cwd: root },
      restore: (target) => ({ argv: [program, 'restore', 'latest', '--target', target] }),
      verify: { argv: [program, 'check', '--read-data'] }
    })
  },
  {
    name: 'rustic',
    program: 'rustic',
    install: 'cargo install --locked rustic-rs',
    version: (program) => firstLine(program, '--version'),
    open: ({ program, root, vault, home }) => ({
      env: { RUSTIC_REPOSITORY: vault, RUSTIC_PASSWORD_FILE: passwordFile(home), RUSTIC_NO_PROGRESS: 'true' },
      prepare: [{ argv: [program, 'init'] }],
      backup: { argv: [program, 'backup', '.'], cwd: root },
      restore: (target) => ({ argv: [program, 'restore', 'latest', target] }),
      verify: { argv: [program, 'check', '--read-data'] }
    })
  },
  {
    name: 'borg',
    program: 'borg',
    install: 'apt-get install borgbackup',
    version: (program) => firstLine(program, '--version'),
    open: ({ program, root, vault }) => ({
      env: { BORG_REPO: vault, BORG_PASSPHRASE: PASSWORD, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes' },
      prepare: [{ argv: [program, 'init', '--encryption', 'repokey-blake2'] }],
      backup: (n) => ({ argv: [program, 'create', `::backup-${n}`, '.'], cwd: root }),
      restore: (target) => ({ argv: [program, 'extract', '::backup-3'], cwd: target }),
      verify: { argv: [program, 'check', '--verify-data'] }
    })
  },
  {
    name: 'bupstash',
    program: 'bupstash',
    install: 'apt-get install libsodium-dev pkg-config && cargo install --locked bupstash',
    version: (program) => firstLine(program, '--version'),
    note: 'bupstash has no check of its own that reads all data: its verify is `bupstash get > /dev/null`.',
    open: ({ program, root, vault, home }) => ({
      env: { BUPSTASH_REPOSITORY: vault, BUPSTASH_KEY: join(home, 'key') },
      prepare: [{ argv: [program, 'new-key', '-o', join(home, 'key')] }, { argv: [program, 'init', '-r', vault] }],
      backup: (n) => ({ argv: [program, 'put', '--quiet', '--no-progress', `backup=${n}`, root] }),
      restore: (target) => ({ argv: [program, 'restore', '--quiet', '--no-progress', '--into', target, 'backup=3'] }),
      verify: { argv: [program, 'get', '--quiet', '--no-progress', 'backup=3'] }
    })
  },
  {
    name: 'tar',
    program: 'tar',
    needs: ['gzip', 'openssl', 'bash'],
    install: 'apt-get install tar gzip openssl bash',
    version: (program) =>
      `tar | gzip | openssl (${firstLine(program, '--version')}, ${firstLine('openssl', 'version')})`,
    note: 'tar | gzip | openssl keeps whole copies and authenticates nothing: its verify finds only what breaks the gzip checksum. Its memory is that of the largest of the three.',
    open: ({ program, root, vault, home }) => {
      const cipher = (flags) => `openssl enc ${flags} -aes-256-ctr -pbkdf2 -pass file:${quote(passwordFile(home))}`
      const file = (n) => quote(join(vault, `backup-${n}.tar.gz.enc`))
      const shell = (script) => ({ argv: ['bash', '-c', `set -eo pipefail; ${script}`] })
      return {
        env: {},
        prepare: [{ argv: ['mkdir', '-p', vault] }],
        backup: (n) => shell(`${program} -C ${quote(root)} -c . | gzip | ${cipher('-e')} > ${file(n)}`),
        restore: (target) => shell(`${cipher('-d')} < ${file(3)} | gzip -d | ${program} -C ${quote(target)} -x`),
        verify: shell(`${cipher('-d')} < ${file(3)} | gzip -t`)
      }
    }
  }
]

function lifeboat({ program, root, vault }, env, init) {
  const run = (...args) => ({ argv: [program, '--root', root, '--vault', vault, '--quiet', ...args] })
  return {
    env,
    prepare: [run(...init)],
    backup: run('backup'),
    restore: (target) => run('restore', 'latest', '--to', target),
    // Nobody has the databases open, which a container cannot tell. Through SQLite their bytes would be others.
    inPlace: run('restore', 'latest', '--mode', 'offline'),
    verify: run('verify', '--deep')
  }
}

/** The full path of a program, or null. */
export function find(program) {
  const names = process.platform === 'win32' ? [program, `${program}.exe`] : [program]
  const folders = program.includes('/') || program.includes('\\') ? [''] : (process.env.PATH ?? '').split(delimiter)
  const candidates = folders.flatMap((folder) => names.map((name) => join(folder, name)))
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.X_OK)
      return candidate
    } catch {}
  }
  return null
}

function passwordFile(home) {
  mkdirSync(home, { recursive: true })
  const file = join(home, 'password')
  writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 })
  return file
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`

const firstLine = (program, ...args) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .split('\n')[0]
    .trim()

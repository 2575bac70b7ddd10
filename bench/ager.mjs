// Ages a vault: Lifeboat's backups under a clock that is told, made in one process (crates/engine/examples/ager.rs).

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url))

export const HOUR = 3_600_000

export function build() {
  const argv = ['build', '--release', '--locked', '--quiet', '--workspace', '--example', 'ager']
  if (spawnSync('cargo', argv, { cwd: REPOSITORY, stdio: 'inherit' }).status !== 0) process.exit(1)
}

/** `backup(n, at, type)` makes one; `close()` waits for the end of its process. */
export function age(root, vault, keyFile) {
  const child = spawn(join(REPOSITORY, 'target/release/examples/ager'), [root, vault, keyFile], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    backup: async (_, at, type = kind(new Date(at))) => {
      child.stdin.write(`${type} ${at}\n`)
      if ((await answers.next()).done) throw new Error('the ager has ended')
    },
    close: async () => {
      child.stdin.end()
      await once(child, 'exit')
    }
  }
}

/** Of an hour's backup: the largest type that is due in it. */
function kind(at) {
  if (at.getUTCDate() === 1 && at.getUTCHours() === 4) return 'MONTHLY'
  if (at.getUTCDay() === 0 && at.getUTCHours() === 3) return 'WEEKLY'
  return at.getUTCHours() === 2 ? 'DAILY' : 'HOURLY'
}

// Runs one command and says what it cost: wall time, processor time, peak memory.

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

const TIME = '/usr/bin/time'

/** Whether GNU time is here. Node itself learns nothing about what a child used. */
export const hasTime = spawnSync(TIME, ['-f', '%M', 'true'], { encoding: 'utf8' }).stderr?.trim().match(/^\d+$/) != null

/**
 * Runs `argv` to its end with stdout thrown away. Resolves to { wall, cpu, rss }: seconds, seconds of user and system
 * time of the command and all it waited for, bytes of the largest single process; the last two are null without GNU
 * time. A command that fails rejects with what it wrote to stderr.
 */
export async function measure({ argv, cwd }, { env, scratch }) {
  const usage = `${scratch}.usage`
  const output = `${scratch}.stderr`
  const command = hasTime ? [TIME, '-q', '-f', '%U %S %M', '-o', usage, ...argv] : argv
  const stderr = openSync(output, 'w')
  let status
  const begin = performance.now()
  try {
    status = await new Promise((resolve, reject) => {
      const child = spawn(command[0], command.slice(1), { cwd, env, stdio: ['ignore', 'ignore', stderr] })
      child.once('error', reject)
      child.once('close', (code, signal) => resolve(signal ?? code))
    })
  } finally {
    closeSync(stderr)
  }
  const wall = (performance.now() - begin) / 1000
  if (status !== 0) {
    const said = (await readFile(output, 'utf8')).trim().split('\n').slice(-8).join('\n')
    throw new Error(`\`${argv.join(' ')}\` ended with ${status}:\n${said}`)
  }
  if (!hasTime) return { wall, cpu: null, rss: null }
  const [user, system, kib] = (await readFile(usage, 'utf8')).trim().split(/\s+/).map(Number)
  return { wall, cpu: user + system, rss: kib * 1024 }
}

/** Writes back what is dirty, so that nobody pays for what the one before left behind. */
export function settle() {
  if (process.platform !== 'win32') spawnSync('sync')
}

// `npm run torture`: the long versions of the tests, with the figures they measure. Minutes, not seconds.
//
// LIFEBOAT_KILLS=N says how often backups, and whoever else writes to a vault, are killed (default 500 each). LIFEBOAT_SEED=N
// repeats the random choices of a run. LIFEBOAT_FAULTS=N and LIFEBOAT_UPLOAD=MB say how often an upload to S3 and to Google Drive is struck, and how large it is.

import { spawnSync } from 'node:child_process'

const faults = process.env.LIFEBOAT_FAULTS ?? '200'
const upload = process.env.LIFEBOAT_UPLOAD ?? '500'
const kills = process.env.LIFEBOAT_KILLS ?? '500'
const test = ['cargo', 'test', '--release', '--locked', '-p', 'lifeboat-engine', '--test']
const runs = [
  ['backups killed at any moment', [...test, 'vault', '--', '--nocapture', 'a_kill_at_any_moment']],
  ['a year of hourly backups, hour by hour', [...test, 'time', '--', '--nocapture', 'a_year']],
  [
    'restores, backups, prunings, exports and imports struck at every file-system call',
    [...test, 'crash', '--', '--nocapture', '--test-threads=1']
  ],
  ['the services of the next two', ['cargo', 'build', '--locked', '--workspace', '--bins', '--example', 's3']],
  ['uploads to S3 and Google Drive through faults, kills and restarts', ['node', '--test', '__test__/faults.test.js']],
  ['the memory of a worker that syncs', ['node', '--test', '__test__/memory.test.js']],
  ['two apps and a cluster of four on one vault, killed', ['node', '--test', '__test__/crowd.test.js']],
  [
    'large and wild databases',
    [...test, 'sqlite_capture', '--', '--ignored', '--nocapture', '--test-threads=1', 'large']
  ]
]

for (const [what, [program, ...args]] of runs) {
  console.log(`\n==> ${what}`)
  const env = {
    ...process.env,
    LIFEBOAT_KILLS: kills,
    LIFEBOAT_FAULTS: faults,
    LIFEBOAT_UPLOAD: upload,
    LIFEBOAT_TORTURE: '1'
  }
  const { status } = spawnSync(program, args, { stdio: 'inherit', env })
  if (status !== 0) process.exit(status ?? 1)
}

// Prints what was measured: a table for each phase, each tool against lifeboat.

const PHASES = [
  ['first', 'First backup', 'an empty vault'],
  ['unchanged', 'Unchanged backup', 'nothing changed since'],
  [
    'hour',
    "One hour's change",
    '2,000 rows in 5 databases, 200 session files, 10 photos, 2 logs, 20 JSON files (at scale 1)'
  ],
  ['restore', 'Restore', 'the newest backup, into an empty folder'],
  ['lost', 'Restore in place', 'all files of the root are gone; Lifeboat stages, journals and verifies'],
  ['over', 'Restore over', 'every file of the root differs; Lifeboat also backs all of them up first'],
  ['verify', 'Verify', 'every stored byte is read and checked']
]
export const PHASE_NAMES = PHASES.map(([name]) => name)

/** `results`: { tool: { phase: [{ wall, cpu, rss, vault }, ...] | { failed } } }. Returns the text. */
export function tables(results, base = 'lifeboat') {
  return PHASES.map(([phase, title, what]) => table(results, phase, base, `${title}: ${what}`)).join('\n\n')
}

/** The middle of each figure over the runs. */
export function medians(runs) {
  const middle = (key) => {
    const values = runs
      .map((run) => run[key])
      .filter((value) => value != null)
      .sort((a, b) => a - b)
    if (values.length === 0) return null
    const half = values.length >> 1
    return values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2
  }
  return {
    wall: middle('wall'),
    best: Math.min(...runs.map((run) => run.wall)),
    cpu: middle('cpu'),
    rss: middle('rss'),
    vault: middle('vault')
  }
}

function table(results, phase, base, title) {
  const measured = Object.entries(results)
    .filter(([, phases]) => Array.isArray(phases[phase]) && phases[phase].length > 0)
    .map(([tool, phases]) => ({ tool, ...medians(phases[phase]) }))
    .sort((a, b) => a.wall - b.wall)
  const reference = measured.find(({ tool }) => tool === base) ?? measured[0]
  const ratio = (row, key) =>
    row[key] == null || reference[key] == null ? '-' : `${(row[key] / reference[key]).toFixed(2)}×`
  const rows = measured.map((row, index) => [
    row.tool,
    seconds(row.wall),
    ratio(row, 'wall'),
    seconds(row.best),
    row.cpu == null ? '-' : seconds(row.cpu),
    row.rss == null ? '-' : megabytes(row.rss),
    megabytes(row.vault),
    ratio(row, 'vault'),
    index === 0 ? '◀ fastest' : ''
  ])
  const failed = Object.entries(results).flatMap(([tool, phases]) =>
    phases[phase]?.failed ? [`  ${tool}: failed. ${phases[phase].failed}`] : []
  )
  const head = [
    'tool',
    'wall',
    reference ? `vs ${reference.tool}` : 'ratio',
    'best',
    'CPU',
    'peak RSS',
    'vault',
    'ratio',
    ''
  ]
  return [title, ...aligned([head, ...rows]), ...failed].join('\n')
}

export function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')}`.trimEnd()
  )
}

export const seconds = (value) => `${value < 1 ? value.toFixed(3) : value.toFixed(2)} s`
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

#!/usr/bin/env node
// Times lifeboat and its peers on the same data, on the same disk, in one run. See README.md beside this file.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { difference } from './compare.mjs'
import { Dataset, measure as measureTree } from './dataset.mjs'
import { hasTime, measure, settle } from './measure.mjs'
import { medians, megabytes, PHASE_NAMES, seconds, tables } from './table.mjs'
import { find, TOOLS } from './tools.mjs'

const HELP = `Usage: npm run bench -- [options]

  --scale N      size of the data: 1 is 8,000 files and 808 MB (default 1)
  --runs N       how often everything is measured; the median counts (default 3)
  --only A,B     only these tools: ${TOOLS.map(({ name }) => name).join(', ')}
  --data DIR     where data, vaults and restored files lie (default bench/data)
  --json FILE    also write all figures to this file
  --help         this text`

async function main() {
  const options = readOptions()
  const { tools, missing } = pickTools(options.only)
  if (!hasTime) say('GNU time (/usr/bin/time) is missing, so CPU and memory show as "-". Get it: apt-get install time')

  await mkdir(options.data, { recursive: true })
  const dataset = new Dataset(options.data, options.scale)
  const { files, bytes } = await dataset.prepare(say)
  const about = `${files.toLocaleString('en')} files, ${megabytes(bytes)}, ${options.runs} runs, ${cpus().length} × ${cpus()[0].model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`
  say(about)

  const results = Object.fromEntries(tools.map(({ name }) => [name, {}]))
  for (let run = 1; run <= options.runs; run++) await oneRun({ run, options, tools, dataset, results })
  await rm(dataset.root, { recursive: true, force: true })

  console.log(`\n${about}\n\n${tables(results)}`)
  printNotes(tools, missing)
  if (options.json) {
    const summary = Object.fromEntries(Object.entries(results).map(([tool, phases]) => [tool, summarise(phases)]))
    const versions = Object.fromEntries(tools.map(({ name, versionText }) => [name, versionText]))
    await writeFile(
      options.json,
      `${JSON.stringify({ at: new Date().toISOString(), about, files, bytes, versions, summary, results }, null, 2)}\n`
    )
  }
  const failed = Object.entries(results).filter(([, phases]) => PHASE_NAMES.some((phase) => phases[phase]?.failed))
  if (failed.length > 0) {
    say(`Failed: ${failed.map(([tool]) => tool).join(', ')}. See above.`)
    process.exitCode = 1
  }
}

/** One round of all phases. In each phase the tools come one after the other, so that a busy moment hurts all alike. */
async function oneRun({ run, options, tools, dataset, results }) {
  const work = join(options.data, 'work')
  await rm(work, { recursive: true, force: true })
  await dataset.reset()
  const entrants = await Promise.all(tools.map((tool) => enter(tool, join(work, tool.name), dataset.root)))

  const each = async (phase, command, { before, after } = {}) => {
    for (const entrant of entrants) {
      const { name } = entrant
      // A tool that has failed is out: what follows would not be comparable.
      if (PHASE_NAMES.some((earlier) => results[name][earlier]?.failed)) continue
      await before?.(entrant)
      settle()
      try {
        const cost = await measure(await command(entrant), entrant)
        const vault = (await measureTree(entrant.vault)).bytes
        await after?.(entrant)
        results[name][phase] = [...(results[name][phase] ?? []), { ...cost, vault }]
        say(`run ${run}  ${phase.padEnd(9)}  ${name.padEnd(10)}  ${seconds(cost.wall)}`)
      } catch (error) {
        results[name][phase] = { failed: error.message }
        say(`run ${run}  ${phase.padEnd(9)}  ${name.padEnd(10)}  FAILED: ${error.message}`)
      }
    }
  }

  const backup =
    (n) =>
    ({ phases }) =>
      typeof phases.backup === 'function' ? phases.backup(n) : phases.backup
  await each('first', backup(1))
  await each('unchanged', backup(2))
  await dataset.passAnHour()
  await each('hour', backup(3))
  await each(
    'restore',
    async ({ phases, target }) => {
      await mkdir(target, { recursive: true })
      return phases.restore(target)
    },
    {
      after: async ({ target }) => {
        if (run === 1) await compare(dataset.root, target)
        await rm(target, { recursive: true, force: true })
      }
    }
  )
  const hour = join(work, 'hour')
  await dataset.copyTo(hour)
  const inPlace = ({ phases }) => phases.inPlace ?? phases.restore(dataset.root)
  const after = () => (run === 1 ? compare(hour, dataset.root) : undefined)
  await each('lost', inPlace, { before: () => dataset.empty(), after })
  await each('over', inPlace, { before: () => dataset.spoil(), after })
  await each('verify', ({ phases }) => phases.verify)
  await rm(work, { recursive: true, force: true })
}

async function compare(original, restored) {
  const wrong = await difference(original, restored)
  if (wrong) throw new Error(`what was restored is not what was backed up: ${wrong}`)
}

/** Gives a tool its place on the disk and lets it make its vault, which is not timed. */
async function enter(tool, folder, root) {
  const place = { program: tool.path, root, vault: join(folder, 'vault'), home: join(folder, 'home') }
  await mkdir(place.home, { recursive: true })
  const phases = tool.open(place)
  const { PATH, TMPDIR, LANG } = process.env
  const env = { PATH, LANG: LANG ?? 'C.UTF-8', ...(TMPDIR && { TMPDIR }), HOME: place.home, ...phases.env }
  const entrant = {
    name: tool.name,
    vault: place.vault,
    target: join(folder, 'restored'),
    scratch: join(folder, 'cost'),
    phases,
    env
  }
  for (const command of phases.prepare) await measure(command, entrant)
  return entrant
}

function readOptions() {
  let values
  try {
    ;({ values } = parseArgs({
      options: {
        scale: { type: 'string', default: '1' },
        runs: { type: 'string', default: '3' },
        only: { type: 'string' },
        data: { type: 'string', default: fileURLToPath(new URL('data', import.meta.url)) },
        json: { type: 'string' },
        help: { type: 'boolean' }
      }
    }))
  } catch (error) {
    return usage(error.message)
  }
  if (values.help) {
    console.log(HELP)
    process.exit(0)
  }
  const [scale, runs] = [Number(values.scale), Number(values.runs)]
  if (!(scale > 0)) return usage('--scale takes a number above 0.')
  if (!(Number.isInteger(runs) && runs > 0)) return usage('--runs takes a whole number above 0.')
  return {
    scale,
    runs,
    only: values.only?.split(',').map((name) => name.trim()),
    data: resolve(values.data),
    json: values.json && resolve(values.json)
  }
}

/** The tools that are here. Those that are not are named, with how to get them. */
function pickTools(only) {
  const unknown = only?.filter((name) => !TOOLS.some((tool) => tool.name === name)) ?? []
  if (unknown.length > 0) usage(`--only: ${unknown.join(', ')} is not known.`)
  const tools = []
  const missing = []
  for (const tool of TOOLS) {
    if (only ? !only.includes(tool.name) : tool.onlyWhenNamed) continue
    const lacking = [tool.program, ...(tool.needs ?? [])].filter((program) => !find(program))
    if (lacking.length > 0) {
      missing.push(`${tool.name} is not measured: ${lacking.join(', ')} is missing. Get it: ${tool.install}`)
      continue
    }
    const path = find(tool.program)
    tools.push({ ...tool, path, versionText: tool.version(path) })
  }
  for (const line of missing) say(line)
  if (tools.length === 0) usage('None of the tools is here.')
  return { tools, missing }
}

function printNotes(tools, missing) {
  console.log(`\nVersions: ${tools.map(({ versionText }) => versionText).join('; ')}`)
  for (const { note } of tools) if (note) console.log(`Note: ${note}`)
  for (const line of missing) console.log(line)
}

const summarise = (phases) =>
  Object.fromEntries(
    PHASE_NAMES.filter((phase) => Array.isArray(phases[phase])).map((phase) => [phase, medians(phases[phase])])
  )

function say(text) {
  process.stderr.write(`${text}\n`)
}

function usage(problem) {
  console.error(`${problem}\n\n${HELP}`)
  process.exit(2)
}

await main()

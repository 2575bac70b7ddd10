// Checks that each link of the README, CONTRIBUTING.md and docs/ to a file of this repository, or to a heading in one, leads
// somewhere. So the map in docs/architecture.md names only files that are there.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { HOME } from './cargo.mjs'

const docs = readdirSync(join(HOME, 'docs')).filter((name) => name.endsWith('.md'))
const pages = ['README.md', 'CONTRIBUTING.md', ...docs.map((name) => join('docs', name))].map((name) =>
  join(HOME, name)
)

/** The name that GitHub gives to a heading. */
function anchor(heading) {
  const text = heading.trim().toLowerCase().replaceAll('`', '')
  return text.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-')
}

function anchors(file) {
  const headings = readFileSync(file, 'utf8')
    .replace(/^```.*?^```$/gms, '')
    .matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, heading]) => anchor(heading))
}

function isDead(page, target) {
  const [path, heading] = target.split('#')
  const file = path ? join(dirname(page), path) : page
  return !existsSync(file) || (heading !== undefined && !anchors(file).includes(heading))
}

const dead = pages.flatMap((page) => {
  const targets = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target)
  const ours = targets.filter((target) => !/^[a-z]+:/.test(target))
  return ours.filter((target) => isDead(page, target)).map((target) => `${relative(HOME, page)}: ${target}`)
})
for (const link of dead) console.error(`Dead link in ${link}`)
process.exit(dead.length > 0 ? 1 : 0)

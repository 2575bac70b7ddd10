// Checks that each promise of the README names the tests that keep it. A promise is a paragraph or a list item, except in
// the sections of WITHOUT_PROMISES. It links to its tests as `[✓][label]`. At the end of the README each label has the file
// and the name of one test: `[label]: file "name of the test"`.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HOME } from './cargo.mjs'

const WITHOUT_PROMISES = ['Lifeboat', 'Try it', 'Speed and size', 'What is missing', 'More']
const LINK = /\[✓\]\[([^\]]+)\]/g
const DEFINITION = /^\[([^\]]+)\]: (\S+) "(.*)"$/gm

const readme = readFileSync(join(HOME, 'README.md'), 'utf8')
const definitions = new Map([...readme.matchAll(DEFINITION)].map(([, label, file, name]) => [label, { file, name }]))
const labels = new Set([...readme.matchAll(LINK)].map(([, label]) => label))

const problems = [
  ...promises(readme)
    .filter((text) => !text.match(LINK))
    .map((text) => `No link to a test: "${text}"`),
  ...[...labels].filter((label) => !definitions.has(label)).map((label) => `[${label}] is not defined.`),
  ...[...definitions.keys()]
    .filter((label) => !labels.has(label))
    .map((label) => `[${label}] is defined and not used.`),
  ...[...definitions].flatMap(([label, test]) =>
    isThere(test) ? [] : `[${label}]: ${test.file} has no test "${test.name}".`
  )
]

/** The paragraphs and list items that promise something. A paragraph that ends with a colon belongs to what follows it. */
function promises(text) {
  const prose = text.replace(/^```.*?^```$/gms, '').replace(DEFINITION, '')
  const sections = prose.split(/^#+ /m).slice(1)
  const promising = sections.filter((section) => !WITHOUT_PROMISES.includes(section.split('\n')[0]))
  const blocks = promising.flatMap((section) => section.split(/\n{2,}|\n(?=- )/).slice(1))
  return blocks.map((block) => block.trim()).filter((block) => block && !block.endsWith(':'))
}

/** Is there a test of this name in this file? In Rust it is a function behind `#[test]`, in JavaScript the first argument of a call. */
function isThere({ file, name }) {
  if (!existsSync(join(HOME, file))) return false
  const source = readFileSync(join(HOME, file), 'utf8')
  if (!file.endsWith('.rs')) return ["'", '"', '`'].some((quote) => source.includes(`(${quote}${name}${quote}`))
  return source
    .split('#[test]')
    .slice(1)
    .some((test) => test.match(/\bfn (\w+)/)?.[1] === name)
}

for (const problem of problems) console.error(problem)
if (problems.length > 0) {
  console.error('\nEach promise of README.md links to the tests that keep it. scripts/promises.mjs says how.')
  process.exit(1)
}
console.log(`${promises(readme).length} promises in README.md are kept by ${labels.size} tests.`)

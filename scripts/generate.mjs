// Makes operations.d.ts, js/operations.js and index.mjs from the table of operations, as the executable knows it. With `--check`
// it changes nothing, and fails where the committed ones are not what the table says.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from 'json-schema-to-typescript'
import { HOME } from './cargo.mjs'

const SOURCE = 'Generated from crates/engine/src/operations/ by `npm run generate`'
const LIFEBOAT = process.env.LIFEBOAT_EXECUTABLE ?? join(HOME, 'bin', 'lifeboat')

/** What the face adds by hand, besides the operations. */
const OTHERS = ['configure', 'on', 'off', 'scheduler', 'BackupEngine', 'BackupError', 'BackupScheduler']
/** Functions that index.d.ts declares itself: their options hold a function of the caller's. */
const BY_HAND = new Set(['authorizeDrive'])

const table = JSON.parse(execFileSync(LIFEBOAT, ['call', '--json'], { maxBuffer: 1 << 26 }))
const operations = table.operations.filter(({ internal }) => !internal)

/** `#/$defs/Name` → `Name`. */
const named = (reference) => reference.split('/').at(-1)

/** The type of a schema, in one line: what parameters and answers have. */
function typeOf(schema) {
  if (schema.tsType) return schema.tsType
  if (schema.$ref) return named(schema.$ref)
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(' | ')
  if (schema.type === 'array') return `${typeOf(schema.items)}[]`
  if (schema.type === 'null') return 'null'
  if (schema.type === 'integer') return 'number'
  return schema.type
}

function comment(lines, indent) {
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`
}

/** `export function verify(backup?: string, options?: VerifyOptions & Watched): Promise<VerifyReport>` */
function declared({ name, parameters, arguments: { properties = {}, required = [] }, answer }, as) {
  const given = parameters.map((parameter) => {
    const type = typeOf(properties[parameter])
    const isOptional = !required.includes(parameter)
    return `${parameter}${isOptional ? '?' : ''}: ${type}${parameter === 'options' ? ' & Watched' : ''}`
  })
  if (!parameters.includes('options')) given.push('options?: Watched')
  const result = typeOf(answer) === 'null' ? 'void' : typeOf(answer)
  return `${as(name)}(${given.join(', ')}): Promise<${result}>`
}

function documented({ parameters, arguments: { description, properties = {} } }) {
  const [about, ...tags] = description.split(/\n(?=@)/)
  const described = parameters.filter((parameter) => properties[parameter].description)
  const params = described.map(
    (parameter) => `@param ${parameter} ${properties[parameter].description.replaceAll('\n', ' ')}`
  )
  return [...about.split('\n'), ...params, ...tags.flatMap((tag) => tag.split('\n'))]
}

async function types() {
  const functions = operations.filter(({ name }) => !BY_HAND.has(name))
  const exported = functions.map(
    (operation) => comment(documented(operation), '') + declared(operation, (name) => `export function ${name}`)
  )
  const methods = functions.map((operation) => `  ${declared(operation, (name) => name)}`)
  const history = [...new Set([...operations.flatMap(({ history }) => history ?? []), 'REHEARSAL'])]
  const root = { title: 'Nothing', type: 'object', additionalProperties: false, $defs: table.$defs }
  const defined = await compile(root, 'Nothing', {
    additionalProperties: false,
    bannerComment: '',
    strictIndexSignatures: false,
    style: { printWidth: 120, semi: false, singleQuote: true, trailingComma: 'none' },
    unreachableDefinitions: true
  })
  return [
    `// ${SOURCE}. Sizes are in bytes, times in milliseconds since 1970, durations in milliseconds.`,
    "import type { ErrorCode, Watched } from './index.js'",
    ...exported,
    `/** Everything that an engine can be asked for. */\nexport interface Operations {\n${methods.join('\n')}\n}`,
    `/** What the history calls an operation. */\nexport type HistoryName = ${history.map((name) => `'${name}'`).join(' | ')}`,
    `/** What runs, as \`progress\` has it. */\nexport type OperationName = ${table.operations.map(({ name }) => `'${name}'`).join(' | ')}`,
    tidied(defined)
  ].join('\n\n')
}

/** Without what the compiler says of itself, and with comments in as few lines as they need. */
function tidied(text) {
  return text
    .replace('export interface Nothing {}\n', '')
    .replaceAll(/(?: \*\n)? \* This interface was referenced by .*\n \* via the .*\n/g, '')
    .replaceAll(/^ *\/\*\*\n \*\/\n/gm, '')
    .replaceAll(/^( *)\/\*\*\n *\* (.*)\n *\*\/$/gm, '$1/** $2 */')
    .replaceAll(/^(?=\/\*\*|export )/gm, '\n')
    .replaceAll(/(\*\/)\n\n(?=export )/g, '$1\n')
    .trim()
}

const lines = operations.map(({ name, parameters, answer }) => {
  const isSilent = typeOf(answer) === 'null' ? ', isSilent: true' : ''
  return `  ${name}: { parameters: [${parameters.map((one) => `'${one}'`).join(', ')}]${isSilent} }`
})
const files = {
  'operations.d.ts': await types(),
  'js/operations.js': `// ${SOURCE}: what each takes, and whether it answers nothing.\n\n'use strict'\n\nmodule.exports = {\n${lines.join(',\n')}\n}\n`,
  'index.mjs': `// The names of index.js for \`import\`: one and the same module, so that both see one default engine. ${SOURCE}.\n\nimport lifeboat from './index.js'\n\nexport const {\n${[...operations.map(({ name }) => name), ...OTHERS].map((name) => `  ${name}`).join(',\n')}\n} = lifeboat\nexport default lifeboat\n`
}

let isStale = false
for (const [name, text] of Object.entries(files)) {
  const biome = join(HOME, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
  const input = execFileSync(process.execPath, [biome, 'format', `--stdin-file-path=${name}`], {
    input: text,
    cwd: HOME,
    encoding: 'utf8'
  })
  const file = join(HOME, name)
  if (!process.argv.includes('--check')) writeFileSync(file, input)
  else if (readFileSync(file, 'utf8') !== input) {
    isStale = true
    console.error(`${name} is not what the table of operations says. Run \`npm run generate\` and commit it.`)
  }
}
process.exit(isStale ? 1 : 0)

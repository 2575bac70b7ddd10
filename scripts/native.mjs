// Makes native.js and native.d.ts, the generated binding, by napi's generator, from what the build of the addon has written
// down of the Rust sources: it is the build of `npm run build`, and compiles nothing that is up to date. With `--check` it
// changes nothing, and fails where the committed ones are not what the sources say.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateTypeDef, writeJsBinding } from '@napi-rs/cli'
import { build, HOME, typesOf } from './cargo.mjs'

build()
const { name, version, napi } = JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8'))
const { dts, exports } = await generateTypeDef({ typeDefDir: typesOf(), cwd: HOME, declareBindingTarget: true })

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-native-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const loader = { platform: true, idents: exports, jsBinding: 'native.js', outputDir: folder, version }
await writeJsBinding({ ...loader, binaryName: napi.binaryName, packageName: name })

const files = { 'native.js': readFileSync(join(folder, 'native.js'), 'utf8'), 'native.d.ts': dts }
let isStale = false
for (const [file, generated] of Object.entries(files)) {
  const committed = join(HOME, file)
  if (!process.argv.includes('--check')) {
    writeFileSync(committed, generated)
  } else if (readFileSync(committed, 'utf8') !== generated) {
    isStale = true
    console.error(`${file} is not what the Rust sources say. Run \`npm run generate:native\` and commit it.`)
  }
}
process.exit(isStale ? 1 : 0)

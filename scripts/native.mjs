// Makes native.js and native.d.ts, the generated binding, from the Rust sources by napi's command line. With `--check`
// it changes nothing, and fails where the committed ones are not what the sources say.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOME, run } from './cargo.mjs'

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-native-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const napi = join(HOME, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
const names = ['--js', 'native.js', '--dts', 'native.d.ts']
run(process.execPath, [napi, 'build', '--release', '--platform', '--output-dir', folder, ...names, '--', '--locked'])

let stale = false
for (const name of ['native.js', 'native.d.ts']) {
  const committed = join(HOME, name)
  const generated = readFileSync(join(folder, name), 'utf8')
  if (!process.argv.includes('--check')) {
    writeFileSync(committed, generated)
  } else if (readFileSync(committed, 'utf8') !== generated) {
    stale = true
    console.error(`${name} is not what the Rust sources say. Run \`npm run generate:native\` and commit it.`)
  }
}
process.exit(stale ? 1 : 0)

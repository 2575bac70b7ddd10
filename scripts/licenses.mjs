// Every package that Lifeboat is built from or tested with must have a licence of this list. SPDX expressions are read
// as such: "MIT OR GPL-3.0" is fine, because one may choose; "MIT AND GPL-3.0" is not.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import satisfies from 'spdx-satisfies'

const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'Apache-2.0 WITH LLVM-exception',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'CDLA-Permissive-2.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unicode-3.0',
  'Unlicense',
  'Zlib'
]
/** Packages that only tests and the demo use may have these, too: nothing of them is linked or shipped. */
const ALLOWED_IN_TESTS = [...ALLOWED, 'CC-BY-3.0', 'GPL-3.0', 'LGPL-3.0-or-later', 'PSF-2.0', 'Python-2.0']

function isAllowed(licence, allowed) {
  try {
    // Old Cargo manifests write a slash for OR.
    return satisfies(licence.replaceAll('/', ' OR '), allowed)
  } catch {
    return false
  }
}

function rustPackages() {
  const cargo = ['metadata', '--format-version', '1', '--locked']
  const { packages } = JSON.parse(execFileSync('cargo', cargo, { maxBuffer: 1 << 28 }))
  return packages.map(({ name, version, license }) => ({
    name: `crate ${name} ${version}`,
    licence: license,
    tests: false
  }))
}

/** From the lock file, which also knows packages for other systems; where it is silent, from the package itself. */
function npmPackages() {
  const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'))
  return Object.entries(packages)
    .filter(([place]) => place !== '')
    .map(([place, { version, license, dev }]) => {
      const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
      return { name: `npm ${name} ${version}`, licence: license ?? installedLicence(place), tests: dev === true }
    })
}

function installedLicence(place) {
  const file = `${place}/package.json`
  if (!fs.existsSync(file)) return undefined
  const { license, licenses } = JSON.parse(fs.readFileSync(file, 'utf8'))
  if (Array.isArray(licenses)) return licenses.map((one) => one.type ?? one).join(' OR ')
  return typeof license === 'object' ? license?.type : license
}

const packages = [...rustPackages(), ...npmPackages()]
const bad = packages.filter(({ licence, tests }) => !licence || !isAllowed(licence, tests ? ALLOWED_IN_TESTS : ALLOWED))
for (const { name, licence } of bad) console.error(`${name}: ${licence ?? 'states no licence'}`)
if (bad.length > 0) {
  console.error(
    `${bad.length} of ${packages.length} packages have a licence that is not on the list in scripts/licenses.mjs.`
  )
  process.exitCode = 1
} else {
  console.log(`Licences: ${packages.length} packages, all fine.`)
}

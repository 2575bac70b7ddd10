// Says how a restored tree differs from the original, so that no tool wins by doing nothing.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readlink, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** Every path and size is compared, and the content of each database and of every `nth` other file. */
export async function difference(original, restored, nth = 20) {
  const [wanted, found] = await Promise.all([list(original), list(restored)])
  for (const [path, size] of wanted) {
    if (!found.has(path)) return `${path} is missing`
    if (found.get(path) !== size) return `${path} is ${found.get(path)} and not ${size}`
  }
  for (const path of found.keys()) if (!wanted.has(path)) return `${path} was not in the original`
  const files = [...wanted].filter(([, size]) => typeof size === 'number').map(([path]) => path)
  for (const [index, path] of files.sort().entries()) {
    if (index % nth !== 0 && !path.endsWith('.sqlite')) continue
    const [a, b] = await Promise.all([hash(join(original, path)), hash(join(restored, path))])
    if (a !== b) return `${path} has other content`
  }
  return null
}

// A path with its size, or with what kind of thing it is.
async function list(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const found = new Map()
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    const what = entry.isDirectory()
      ? 'a folder'
      : entry.isSymbolicLink()
        ? `a link to ${await readlink(path)}`
        : (await stat(path)).size
    found.set(relative(folder, path), what)
  }
  return found
}

async function hash(file) {
  const digest = createHash('sha256')
  await pipeline(createReadStream(file), digest)
  return digest.digest('hex')
}

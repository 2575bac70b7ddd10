// What "exact" means: every item of the backup is in the restored folder with the content that the backup names,
// nothing else is there, and files that nobody wrote to are the very bytes that they were.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** All paths below a folder, as items name them, with what lies there: { type, size, sha256 | link }. */
export async function fingerprint(folder) {
  const found = new Map()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const path = relative(folder, file).replaceAll(sep, '/')
    if (entry.isDirectory()) found.set(path, { type: 'dir' })
    else if (entry.isSymbolicLink()) found.set(path, { type: 'symlink', link: await readlink(file) })
    // A -journal comes and goes while the bot writes.
    else if (entry.isFile()) found.set(path, await content(file).catch(vanished))
  }
  for (const [path, what] of found) if (!what) found.delete(path)
  return found
}

async function content(file) {
  const digest = createHash('sha256')
  await pipeline(createReadStream(file), digest)
  return { type: 'file', size: (await lstat(file)).size, sha256: digest.digest('hex') }
}

function vanished(error) {
  if (error.code === 'ENOENT') return null
  throw error
}

/** How a restored folder differs from the items of its backup: sentences, none when it is exact. */
export function differencesFromItems(items, restored) {
  const wrong = []
  const listed = new Set()
  for (const item of items) {
    if (item.path === '' || item.path === '.') continue
    listed.add(item.path)
    const there = restored.get(item.path)
    if (!there) wrong.push(`${item.path} was not restored`)
    else if (there.type !== item.type) wrong.push(`${item.path} is a ${there.type} and not a ${item.type}`)
    else if (item.type !== 'file') continue
    else if (!item.sha256) wrong.push(`${item.path} has no sha256 in the backup`)
    else if (there.sha256 !== item.sha256) wrong.push(`${item.path} does not have the sha256 that the backup names`)
    else if (there.size !== item.size) wrong.push(`${item.path} has ${there.size} bytes and not ${item.size}`)
  }
  for (const path of restored.keys()) if (!listed.has(path)) wrong.push(`${path} is not in the backup`)
  return wrong
}

/** How restored files differ from the originals as they were remembered. */
export function differencesFromOriginals(originals, restored) {
  const wrong = []
  for (const [path, original] of originals) {
    const there = restored.get(path)
    if (!there) wrong.push(`${path} is missing`)
    else if (there.type !== original.type || there.sha256 !== original.sha256 || there.link !== original.link)
      wrong.push(`${path} is not what it was`)
  }
  return wrong
}

/** The JSON files of a folder that do not parse: a torn one is the classic loss of a copy taken from a running app. */
export async function tornJson(folder, restored) {
  const json = [...restored]
    .filter(([path, { type }]) => type === 'file' && path.endsWith('.json'))
    .map(([path]) => path)
  const torn = []
  for (const path of json) {
    try {
      JSON.parse(await readFile(join(folder, path), 'utf8'))
    } catch {
      torn.push(path)
    }
  }
  return { json, torn }
}

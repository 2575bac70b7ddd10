// What a process has written to, as its system calls tell: strace's record of them, one file for each thread.

'use strict'

const { readdirSync, readFileSync } = require('node:fs')
const { basename, dirname, join, resolve } = require('node:path')

/** With a question mark: what an architecture does not have is no error. */
const CALLS =
  'open openat creat rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat truncate unlink unlinkat'
    .split(' ')
    .map((call) => `?${call}`)
    .join(',')
const LINE = /^(\w+)\((.*)\) += (-?\d+)/
const WRITES = /\bO_(WRONLY|RDWR|CREAT)\b/

/** Absolute paths below `root`, from the files whose names begin with `trace`; the process ran in `root`. */
function writtenPaths(trace, root) {
  const paths = new Set()
  const files = readdirSync(dirname(trace)).filter((name) => name.startsWith(`${basename(trace)}.`))
  for (const file of files) {
    for (const line of readFileSync(join(dirname(trace), file), 'utf8').split('\n')) {
      const [, call, args, result] = line.match(LINE) ?? []
      if (!call || Number(result) < 0 || (call.startsWith('open') && !WRITES.test(args))) continue
      for (const [, path] of args.matchAll(/"([^"]*)"/g)) paths.add(resolve(root, path))
    }
  }
  return [...paths].filter((path) => path.startsWith(`${root}/`)).sort()
}

module.exports = { CALLS, writtenPaths }

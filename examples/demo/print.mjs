// How the demo speaks: steps, facts, a progress line, proofs. Colours only on a terminal, and not where NO_COLOR is set.

const terminal = process.stdout.isTTY === true
const coloured = terminal && !process.env.NO_COLOR
const paint = (code) => (text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : String(text))
export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)
export const yellow = paint(33)
export const blue = paint(36)

let steps = 0

export function title(text) {
  console.log(`\n${bold(text)}`)
}

/** Opens a step of the story. */
export function step(text) {
  console.log(`\n${blue(++steps)}  ${bold(text)}`)
}

/** A line below a step. */
export function fact(text) {
  console.log(`   ${text}`)
}

/** One claim and whether it holds; returns that. */
export function proof(holds, claim, otherwise = '') {
  console.log(`   ${holds ? green('✔') : red('✘')} ${claim}${holds || !otherwise ? '' : red(`\n       ${otherwise}`)}`)
  return holds
}

/** A listener of progress that draws one line on a terminal, and nothing anywhere else. */
export function progressLine() {
  const width = 28
  return {
    show: ({ phase, items, totalItems, bytes, totalBytes }) => {
      if (!terminal) return
      // A first backup does not know yet how much there is: then there is no bar.
      const part = totalBytes ? bytes / totalBytes : totalItems ? items / totalItems : null
      const bar = part === null ? '' : `${'█'.repeat(Math.min(width, Math.round(part * width))).padEnd(width, '░')} `
      process.stdout.write(`\r\u001b[K   ${blue(bar)}${phase}  ${count(items, 'item')}  ${size(bytes)}`)
    },
    clear: () => {
      if (terminal) process.stdout.write('\r\u001b[K')
    }
  }
}

/** Rows of cells, the first row being the head; numbers (given as such cells) stand right. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const [index, row] of rows.entries()) {
    const line = row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('   ')
    fact(index === 0 ? dim(line) : line)
  }
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)} ${['', 'KB', 'MB', 'GB'][power]}`
}

export const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`)
export const number = (value) => value.toLocaleString('en')
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`
export const percent = (part) => `${(part * 100).toFixed(1)} %`

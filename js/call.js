// From a call to a request of the worker's protocol: `{ op, with: { parameter: value } }`. What the values must be, Rust says;
// here is what JSON would lose, and who watches, which stays in this process.

'use strict'

const { BackupError } = require('./error.js')
const OPERATIONS = require('./operations.js')

const TYPES = ['MANUAL', 'API', 'HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY', 'SAFETY']

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** No promise and no Map, of which nothing would be left. Objects of other realms have a prototype of their own. */
function isPlain(value) {
  if (!isObject(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Who watches an operation. By shape and not by class: in jest and in a worker's vm, classes of the same name are others. */
const WATCHERS = {
  signal: {
    a: 'an AbortSignal',
    fits: (value) => isObject(value) && typeof value.aborted === 'boolean' && !!value.addEventListener
  },
  onProgress: { a: 'a function', fits: (value) => typeof value === 'function' },
  show: { a: 'a function', fits: (value) => typeof value === 'function' }
}

function refuse(message) {
  throw new BackupError('E_CONFIG', message)
}

function shown(value) {
  // It may be a secret in the wrong place.
  if (typeof value === 'string') return 'a string'
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  return isObject(value) ? 'an object' : Array.isArray(value) ? 'an array' : String(value)
}

/**
 * The request of `name(...args)`, and who watches it: `{ request, watchers }`. The watchers are in the operation's `options`, or in
 * an object behind its arguments.
 */
function call(name, args) {
  const { parameters } = OPERATIONS[name]
  const own = parameters.indexOf('options')
  parameters.forEach((parameter, at) => {
    const isBag = parameter === 'options' || parameter === 'filter'
    if (isBag && args[at] !== undefined && !isPlain(args[at])) {
      refuse(`\`${parameter}\` must be an object, not ${shown(args[at])}.`)
    }
  })
  const [options, watchers] = apart(args[own < 0 ? parameters.length : own])
  const [stranger] = own < 0 && isObject(options) ? Object.keys(options) : []
  if (stranger) refuse(`There is no \`${stranger}\` in \`options\` of ${name}. It takes \`signal\`, \`onProgress\`.`)
  const given = parameters.map((parameter, at) => [parameter, at === own ? options : args[at]])
  return { request: request(name, Object.fromEntries(given)), watchers }
}

/** The watchers among these options, and the others. */
function apart(options) {
  if (!isObject(options)) return [options, {}]
  const entries = Object.entries(options)
  const watchers = entries.filter(([name, value]) => Object.hasOwn(WATCHERS, name) && value !== undefined)
  for (const [name, value] of watchers) {
    if (!WATCHERS[name].fits(value)) refuse(`\`options.${name}\` must be ${WATCHERS[name].a}, not ${shown(value)}.`)
  }
  const others = entries.filter(([name]) => !Object.hasOwn(WATCHERS, name))
  return [Object.fromEntries(others), Object.fromEntries(watchers)]
}

function request(op, values) {
  try {
    return { op, with: JSON.parse(JSON.stringify(values, writable)) }
  } catch (error) {
    if (error instanceof BackupError) throw error
    return refuse(`The arguments of ${op} cannot be written as JSON: ${error.message}.`)
  }
}

/** For `JSON.stringify`: refuses what it would leave out, or make a null of. Of a Date it takes the milliseconds. */
function writable(name, written) {
  const value = this[name]
  if (typeof value === 'function' || typeof value === 'symbol') refuse(`\`${name}\` must not be ${shown(value)}.`)
  const isTime = Object.prototype.toString.call(value) === '[object Date]'
  if (typeof value === 'number' ? !Number.isFinite(value) : isTime && written === null) {
    refuse(`\`${name}\` must be a Date or a number that is one, not ${value}.`)
  }
  return isTime ? value.getTime() : written
}

function configText(config) {
  if (!isObject(config)) refuse(`A configuration must be an object or the path of a file, not ${shown(config)}.`)
  try {
    return JSON.stringify(config)
  } catch (error) {
    return refuse(`The configuration cannot be written as JSON: ${error.message}.`)
  }
}

/** How many: a whole number of 0 or more. */
function count(name, value) {
  if (Number.isSafeInteger(value) && value >= 0) return value
  return refuse(`${name} must be a whole number of 0 or more, not ${shown(value)}.`)
}

/** The options of a scheduler's `stop`. */
function stop(options) {
  if (!isPlain(options)) refuse(`\`options\` must be an object, not ${shown(options)}.`)
  const [stranger] = Object.keys(options).filter((name) => name !== 'cancel')
  if (stranger) refuse(`There is no \`${stranger}\` in \`options\` of stop. It takes \`cancel\`.`)
  const { cancel = false } = options
  return typeof cancel === 'boolean'
    ? { cancel }
    : refuse(`\`options.cancel\` must be true or false, not ${shown(cancel)}.`)
}

/** A type of backup, before anything is told that it could not be made. */
function type(value) {
  return TYPES.includes(value) ? value : refuse(`\`type\` must be one of ${TYPES.join(', ')}, not ${shown(value)}.`)
}

module.exports = { OPERATIONS, call, configText, count, refuse, request, stop, type }

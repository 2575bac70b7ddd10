/**
 * Starts an app after Lifeboat has seen to what waits for this start: a restore that was staged with `mode: 'on-restart'`,
 * or one that was cut off. In CommonJS, the whole of an app's `index.js` is:
 *
 *     process.env.TZ = 'Asia/Jakarta'
 *     require('lifeboat/start')('./bot.js')
 *
 * The app is started whatever is wrong with Lifeboat (a configuration with a typo, a native part that is missing), with a
 * warning on stderr. Only where a restore waits or was cut off, and cannot be done, the app is not started: the message
 * says what to do, and the exit code is 1.
 * @param main the app's file, relative to the file that calls this
 */
declare function start(main: string, options?: start.StartOptions): Promise<void>

declare namespace start {
  interface StartOptions {
    /** Told of what was wrong, also where the app was started all the same. */
    onError?: (error: Error) => void
    /** As in the configuration given to `configure()`. */
    requestRestart?: false | (() => unknown)
  }
}

export = start

/**
 * Starts an app. First it applies a restore that waits for this start (`mode: 'on-restart'`), and finishes or undoes one that
 * was cut off. In CommonJS, this is the complete `index.js` of an app:
 *
 *     process.env.TZ = 'Asia/Jakarta'
 *     require('lifeboat/start')('./bot.js')
 *
 * If something is wrong with Lifeboat (a typo in the configuration, a missing native part), the app starts anyway, with a
 * warning on stderr. There is one exception: if a restore waits or was cut off, and cannot be done, the app does not start.
 * The message then says what to do, and the exit code is 1.
 * @param main the app's file, relative to the file that calls this
 */
declare function start(main: string, options?: start.StartOptions): Promise<void>

declare namespace start {
  interface StartOptions {
    /** Called with the error if something was wrong, even if the app was started. */
    onError?: (error: Error) => void
    /** See `requestRestart` in `Config`. */
    requestRestart?: false | (() => unknown)
  }
}

export = start

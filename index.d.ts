// What the package exports. Sizes are in bytes, times in milliseconds since 1970, durations in milliseconds.
// A promise that rejects always rejects with a BackupError.

export * from './operations.js'

import type {
  BackupResult,
  BackupType,
  Category,
  DriveAccount,
  OperationName,
  Operations,
  Progress,
  RestoreResult,
  SyncReport,
  VerifyReport
} from './operations.js'

/**
 * - `E_CONFIG`: the configuration or an argument is wrong; the message says which.
 * - `E_PASSPHRASE`: there is no passphrase or key file, or it does not open the vault; the message says where Lifeboat looked for
 *   one, and what it found there.
 * - `E_NOT_FOUND`: there is no such backup or item.
 * - `E_BUSY`: another operation has locked the vault; the message says which one, since when, and how far it is.
 * - `E_ABORTED`: the operation was cancelled through its AbortSignal.
 * - `E_CORRUPT`: an object of the vault is damaged; the message names it and the backups that need it.
 * - `E_FORMAT`: a newer version of Lifeboat made the vault.
 * - `E_VAULT`: the vault belongs to another root, or it is not where this root had it, or the root is not what the last backup saw
 *   (its disk is not mounted). Also: pruning while a backup is suspicious. The message says what to do.
 * - `E_STORAGE_LIMIT`, `E_NO_SPACE`: `maxLocalStorage` or the disk is full; earlier backups are whole.
 * - `E_SOURCE`: the root, a file in it, or an archive cannot be read.
 * - `E_UNSAFE_PATH`: a path in a backup leads out of the target.
 * - `E_RESTORE`: the restore cannot be done as requested; nothing was changed.
 * - `E_ROLLED_BACK`: the restore failed after it had begun to replace files, and everything was put back.
 * - `E_WORKER`: Lifeboat is not built or does not load on this machine (the message has the command that fixes it), or the worker
 *   process died or hung; the vault is whole. A worker hangs if it gives no sign of life for 15 minutes, or for 10 seconds after a
 *   cancel. For calls that only read the vault, the limit is 30 seconds.
 * - `E_INTERNAL`: a bug in Lifeboat.
 */
export type ErrorCode =
  | 'E_CONFIG'
  | 'E_PASSPHRASE'
  | 'E_NOT_FOUND'
  | 'E_BUSY'
  | 'E_ABORTED'
  | 'E_CORRUPT'
  | 'E_FORMAT'
  | 'E_VAULT'
  | 'E_STORAGE_LIMIT'
  | 'E_NO_SPACE'
  | 'E_SOURCE'
  | 'E_UNSAFE_PATH'
  | 'E_RESTORE'
  | 'E_ROLLED_BACK'
  | 'E_WORKER'
  /** A target could not be reached, or it did not do what was requested. */
  | 'E_CLOUD'
  /** A target rejects the credentials. */
  | 'E_CLOUD_AUTH'
  /** A target is full. */
  | 'E_CLOUD_QUOTA'
  | 'E_INTERNAL'

/** The message is a sentence that says what failed, on what, and what to do. It contains no secret. */
export class BackupError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown })
  readonly name: 'BackupError'
  readonly code: ErrorCode
}

/**
 * Sets the configuration of the functions below. Without this call they use `config/backup-config.json` under `process.cwd()`, or
 * the defaults if there is no such file.
 * @param config the configuration, or the path of a JSON file that contains it
 * @throws BackupError E_CONFIG; the previous configuration stays in use
 */
export function configure(config: Config | string): void

/** Listens to the default engine, and after `configure()` to the new one. See `BackupEngine.on`. */
export function on<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): void
export function off<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): void

/** Makes the scheduled backups of the default engine. After `configure()` it continues with the new engine. */
export const scheduler: BackupScheduler

/**
 * The schedule: HOURLY, DAILY (2 AM), WEEKLY and MONTHLY backups. Each is followed by pruning, and a WEEKLY one by an archive in
 * the vault's `archives/`. Once a day a part of the vault is read back, and once a week a restore is rehearsed. Times are in the
 * time zone `timezone`, or else in the one that `process.env.TZ` has at `start()`.
 *
 * If several types are due, only the largest runs, and it counts for the others. Backups that were missed while the host was down
 * are made once, within a minute of the start. If there is no backup at all, one is made at once. A run that fails raises
 * the event `backup:failure`, and is tried once more after an hour. The vault records which backups are done. So each backup is made
 * only once, however many hosts or processes of a cluster there are. The scheduler does not keep a process alive.
 */
export class BackupScheduler {
  /** `config`: an engine, or the configuration for an engine of its own. Without it: the default engine. */
  constructor(config?: BackupEngine | Config | string)
  /**
   * Starts the schedule. Does nothing if it is running already. A bot must start even if something is wrong. So if the default
   * engine cannot be made (a typo in the configuration, no native part), that is a process warning and the event `backup:failure`,
   * not an error.
   * @throws BackupError E_CONFIG, only for an engine of its own
   */
  start(): void
  /** Waits for the operation that is running. With `cancel`, that operation ends at its next safe point. */
  stop(options?: { cancel?: boolean }): Promise<void>
  readonly running: boolean
  /**
   * The next `count` runs (default 1), soonest first. Works also if the scheduler is not running. It opens no file: it knows of a
   * pause only what the scheduler saw at its last check, or what `status()`, `pause()` and `resume()` said in this process.
   */
  next(count?: number): { type: BackupType; at: Date }[]
  /**
   * Does now what the schedule does for this type.
   * @throws BackupError E_BUSY if another operation is running, and all errors of a backup
   */
  trigger(type: BackupType): Promise<BackupResult>
}

/**
 * Lets the owner sign in to Google Drive, by Google's device flow. `show` gets a short link and a code. The owner opens the link on
 * a phone and types the code. The promise is fulfilled after a small test file was written to Drive, read and removed. Then
 * the sign-in is stored in `tokenFile`. Until then the previous sign-in stays. The command is `lifeboat auth gdrive`.
 * @throws BackupError E_CLOUD_AUTH if the owner refuses or is too late, or if there is no client id; E_CLOUD if Google cannot be
 * reached; E_ABORTED
 */
export function authorizeDrive(options: AuthorizeDriveOptions): Promise<DriveAccount>

export interface AuthorizeDriveOptions {
  /** Called once, with what the owner has to open and to type. It may send this by chat. If it throws, there is a warning. */
  show: (ask: DriveAsk) => unknown
  /** Stops waiting for the owner. */
  signal?: AbortSignal
  /** The `name` of the target in `cloud`. Default: the first Google Drive there. Works also before a target is configured. */
  target?: string
}

export interface DriveAsk {
  /** The page to open, such as https://www.google.com/device. */
  url: string
  /** The code to type there. */
  code: string
  /** When the code expires, in milliseconds since 1970; usually half an hour from now. */
  expiresAt: number
}

export interface BackupEngine extends Operations {}

/** An engine of its own, with the same methods: for tests, and for hosts with several roots. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: js/operations.js gives it all of them
export class BackupEngine {
  /** @throws BackupError E_CONFIG */
  constructor(config: Config | string)
  readonly scheduler: BackupScheduler
  authorizeDrive(options: AuthorizeDriveOptions): Promise<DriveAccount>
  /**
   * Calls `listener` for each event. An event is stored in the vault first, and delivered then. A listener has taken an event when
   * it returns, or when the promise that it returned is fulfilled. If it throws or rejects (WhatsApp is not connected), or if its
   * promise is not settled within a minute, no operation is harmed. The event is delivered again, to this listener only: at the
   * next check of the scheduler (each minute), or after the next operation. What the listener threw becomes a process warning,
   * once. Later events wait until this listener has taken the event; other listeners do not wait.
   *
   * Events that were not taken are also delivered after a restart. So are events that happened while no host ran, such as a failed
   * backup of the command line. A listener is recognized by the app's name (`consumer`), the event, and whether it was the first,
   * second, … listener that was registered for that event. The processes of a cluster share these names, so each event is taken
   * by one of them. A new listener gets the bad news that nobody has taken, and good news from now on.
   *
   * At most 500 events are kept, for 7 days. If there are more, good news is removed first. If the vault cannot be written, alarms
   * are delivered from memory. `progress` is not stored.
   */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): this
  off<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): this
}

/** What all long operations take. */
export interface Watched {
  /** Aborting it ends the operation at its next safe point, with E_ABORTED and nothing half done. */
  signal?: AbortSignal
  /**
   * Called at most a few times a second, when the event loop has time for it. Short operations may never call it. It does
   * not keep the process alive. If it throws, that becomes a process warning.
   */
  onProgress?: (progress: Progress) => void
}

export interface Events {
  progress: Progress & {
    operation: OperationName
  }
  // What follows is generated from crates/engine/src/watch/event.rs: `npm run generate:events`
  'backup:success': BackupResult
  /** A backup was made, but some data could not be stored. `warnings` say what, and what to do. Replaces `backup:success`. */
  'backup:degraded': BackupResult
  /** A backup was made that looks wrong: see {@link Suspicion}. Once for each doubt. Replaces the two events above. */
  'backup:suspicious': { backup: string; reasons: string[] }
  /**
   * A backup failed, or was cut off with its machine. Not raised for a backup that was cancelled (E_ABORTED) or refused because another
   * operation was running (E_BUSY).
   */
  'backup:failure': { type: BackupType; code: ErrorCode; message: string }
  'restore:success': RestoreResult
  /**
   * `rolledBack`: files had been replaced, and were put back. Otherwise nothing was changed, or `message` says what was.
   * `backup` is the requested name or ISO time, or `'pending'` for a restore that waited for the next start.
   * Not raised for a dry run, nor for a restore that was cancelled or refused because another operation was running.
   */
  'restore:failure': { backup: string; code: ErrorCode; message: string; rolledBack: boolean }
  /**
   * Files were replaced or removed while the host runs, by itself or by a command. Read again what you keep in memory of them, also
   * of databases. The event is kept until it is taken, and the restore waits for it, also for a promise. The host's JavaScript is
   * paused from the moment the files change until the listener runs. So a listener that reads with `readFileSync` can be sure that
   * the app wrote nothing in between.
   */
  'restore:reload': { paths: string[] }
  /** The app overwrote or removed files after they were restored. */
  'restore:overwritten': { backup: string; paths: string[] }
  /** New damage was found when stored data was read back, or a rehearsed restore did not restore everything. */
  'integrity:failure': VerifyReport
  /**
   * A check of the backups could not be made: the vault could not be read back, or there was no room for a rehearsal.
   * Once for each cause, until the check works again.
   */
  'inspection:failure': { operation: 'VERIFY' | 'REHEARSAL'; code: ErrorCode; message: string }
  /** There is no good backup younger than `monitor.maxAgeHours`, or none was ever made in that time. Once a day, until there is one. */
  'backup:stale': { ageMs: number; limitMs: number }
  /**
   * The vault has reached `monitor.storageWarnPercent` (80) or 95 percent of `maxLocalStorage`. Raised again only after it was clearly
   * below that.
   */
  'storage:warning': { used: number; limit: number; percent: number }
  /** All backups are at a target for the first time, or again after a failure. */
  'sync:success': SyncReport
  /**
   * Another vault at a target has had no new backup for longer than its owner allows: its machine may be dead. Once, until it has
   * a new one. Only with `monitor.neighbours`.
   */
  'neighbour:late': { target: string; owner: string; newest?: number }
  /** Backups cannot be sent to a target. Once for each cause, until it works again. `pending`: the number of objects that wait. */
  'sync:failure': { target: string; code: ErrorCode; message: string; pending: number }
  // The end of what is generated
}

/** How many backups of each type a target keeps. For a type that is not given, the number of the vault's own schedule. */
export type Keep = Partial<Record<'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'MANUAL', number>>

/** The fields of all targets except folders. */
export interface CloudTargetBase {
  /** The name in lists and commands. Default: the provider. Each target needs a different name. */
  name?: string
  keep?: Keep
  /** The upload limit: `"500 KB/s"`, or by time of day: `"08:00-18:00 200 KB/s, 5 MB/s"`. */
  bandwidth?: string
  /** The address of the service, if it is not the usual one. */
  endpoint?: string
}

/** Google Drive: see docs/cloud-drive.md. */
export interface DriveTarget extends CloudTargetBase {
  provider: 'gdrive'
  /** Your own client, of the type "TVs and limited input devices". Set both or neither. */
  clientId?: string
  clientSecret?: string
  /** Where `lifeboat auth gdrive` stores the sign-in. Default `credentials/google-drive-token.json`. No backup contains it. */
  tokenFile?: string
  /**
   * The key of a service account, instead of an owner's sign-in. A service account has no storage of its own: use a shared drive,
   * or `impersonate`. Default: `credentials/google-drive-key.json`, if that file exists, nobody has signed in, and `clientId`
   * is not set.
   */
  keyFile?: string
  /** The Workspace user for whom the service account acts. */
  impersonate?: string
  /**
   * The folder in Drive: the last part of its address. Default: GOOGLE_DRIVE_FOLDER_ID in the environment, or else a folder
   * `Lifeboat`, which is created.
   */
  folderId?: string
  /** This account can add files but not delete them, such as a contributor of a shared drive. Nothing is removed from here. */
  appendOnly?: boolean
  /** Move removed files to the trash, which uses storage. Default false: delete them permanently. */
  trash?: boolean
}

/** S3 and services with the same protocol: see docs/cloud-s3.md. */
export interface S3Target extends CloudTargetBase {
  provider: 's3'
  bucket: string
  /** The folder in the bucket that contains the vaults, each in a folder named by its id. Default: the bucket itself. */
  prefix?: string
  region?: string
  /** Set both or neither. Without them: the usual environment variables, then `profile` in `~/.aws`. */
  accessKeyId?: string
  secretAccessKey?: string
  profile?: string
  /** The bucket's name is part of the path, not of the host name. Default: true if `endpoint` is set. */
  pathStyle?: boolean
  /** These credentials can add objects but not delete them. Nothing is removed from here. */
  appendOnly?: boolean
  /**
   * For a bucket with Object Lock: a number of days from 2 to 3650. If less than half of them is left on an object that a kept
   * backup needs, the object is locked for all of them again. No lock is shortened. Default: Lifeboat does not change locks.
   */
  lockDays?: number
}

/** A mounted disk, or a folder of another machine. The folder must exist: Lifeboat does not create it. */
export interface FolderTarget {
  provider: 'folder'
  name?: string
  /** Relative to the root. */
  path: string
  keep?: Keep
}

export type CloudTarget = DriveTarget | S3Target | FolderTarget

/**
 * `config/backup-config.json`. Every field has a default that works for raf-bot. An unknown field is E_CONFIG, with the nearest
 * known name. The environment variable BACKUP_PASSPHRASE or BACKUP_KEY_FILE opens the vault; it is read at each call. Without
 * these, the fields here open it. Without those, `config/backup.pass` in the root does, which `lifeboat init` makes. In a
 * passphrase, the encoding of accents, a newline at its end and a byte order mark make no difference.
 */
export interface Config {
  /** The folder that is backed up, relative to `process.cwd()`. Default `'.'`. */
  root?: string
  /**
   * The vault, relative to the root. Default `'backups'`. If this folder contains other files, such as an app's own copies of its
   * databases, the vault is `lifeboat/` in it, for every command.
   */
  backupDir?: string
  /** Default true. Has an effect only when the vault is made. */
  encryption?: boolean
  passphrase?: string
  /** A file that contains the passphrase. Relative to the root. */
  passphraseFile?: string
  /** A file that opens the vault without a passphrase. `lifeboat init --key-file FILE` makes it. Relative to the root. */
  keyFile?: string
  /** Default true, which is level 6. Levels go from 0 (off) to 12 (smallest). */
  compression?: boolean | { level: number }
  /** Bytes, or text such as `'5GB'`, which is the default. */
  maxLocalStorage?: number | string
  /**
   * For how many days the local copy of a backup is kept after a target in `cloud` has the whole backup. Default 7. The newest good
   * backup is always kept. A target has a backup if its own `keep` keeps it, if the packs were sent from here or read back, and if
   * no damage of it is known. A folder on the vault's own disk does not count.
   */
  localRetentionDays?: number
  /** Such as `'Asia/Jakarta'`. Default: the time zone of the host. The command line reads and prints times in it, too. */
  timezone?: string
  /**
   * Patterns of node-cron: five fields, or six with the seconds first. Defaults: HOURLY `0 * * * *`, keep 24; DAILY `0 2 * * *`,
   * keep 7; WEEKLY `0 3 * * 0`, keep 4, with an archive; MONTHLY `0 4 1 * *`, keep 12.
   */
  schedules?: Partial<
    Record<
      'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY',
      { cron?: string; keep?: number; enabled?: boolean; archive?: boolean }
    >
  >
  /** How many MANUAL and API backups are kept, together. Those younger than `localRetentionDays` are kept, too. Default 10. */
  keepManual?: number
  /**
   * Exactly what is backed up, and in which category. The first source that matches a path decides. `followLinks`: the links that
   * `include` names are followed, as with `followLinks` below. `set`: each folder that `include` itself names is read until
   * all of it is of one moment. A WhatsApp session and the folder of a LevelDB are always read so. If a folder changes all the
   * time, the backup is degraded.
   *
   * Default: everything except what can be made again, in the categories of raf-bot. In other places, photos, sounds, films and
   * databases are recognized by their content. Left out are the folders `node_modules` and `.git`, folders with a valid
   * `CACHEDIR.TAG` (bford.info/cachedir; not in folders that have a category), and empty folders `x.lock` beside a file `x`.
   */
  sources?: { category: Category; include: string[]; exclude?: string[]; followLinks?: boolean; set?: boolean }[]
  /** Globs that are backed up although the default leaves them out: `['node_modules/patched']`. */
  include?: string[]
  /**
   * Globs that are not backed up. They override everything else. Always left out are only Lifeboat's own files: the vault, the
   * working folder of a restore, its temporary files, and the files that open the vault.
   */
  exclude?: string[]
  /**
   * Globs of links that lead out of the root and are followed: `['data']`. The content behind such a link is backed up as if it were
   * in the root. It is restored as a normal folder or file, and the place where the link led to is not changed. Content behind other
   * links that lead out is in no backup, and makes it degraded, unless they lead to the system's own places.
   */
  followLinks?: string[]
  /**
   * The name of this app as a consumer of events. Each consumer gets every event. Default: the name of the file that was
   * started, such as `index.js`.
   */
  consumer?: string
  /** Send each backup to `cloud` after it was made. Default: true if there are targets. `sync()` sends them in any case. */
  cloudSync?: boolean
  /**
   * The targets of the backups, any number, each with its own state. Each vault has its own folder there, named by its id, so many
   * vaults can share a target. `name`: its name; default: its provider. `keep`: how many backups of each type stay there.
   * `bandwidth`: `'500 KB/s'`, or by time of day: `'08:00-18:00 200 KB/s, 5 MB/s'`.
   */
  cloud?: CloudTarget[]
  monitor?: {
    /** Default: the longest time between two scheduled backups and two hours, but at least 26 hours. */
    maxAgeHours?: number
    /** Default 80. */
    storageWarnPercent?: number
    /** When a part of the vault is read back. Default `30 5 * * *`. All of the vault is read within a month. */
    verifyCron?: string
    /** Gets a request after each good backup of a host or of the command line, and a POST to its `/fail` after a bad one. */
    pingUrl?: string
    /** Raise `neighbour:late` for other vaults of the targets. Default false. */
    neighbours?: boolean
  }
  /**
   * How to restart the app for a restore that waits for its next start: a function, or false for never. Default: `process.exit` if
   * pm2 or systemd restarts it, and a signal if it is nodemon. Only for `configure()` and `BackupEngine`.
   */
  requestRestart?: false | (() => unknown)
  /** `threads`: 0 is automatic. `nice`: Unix niceness from 0 to 19, default 10. */
  worker?: { threads?: number; nice?: number }
}

// What the package exports. Sizes are in bytes, times in milliseconds since 1970, durations in milliseconds.
// Every promise that is rejected is rejected with a BackupError.

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
 * - `E_PASSPHRASE`: the passphrase or key file does not open the vault, or there is none; the message says where one was looked
 *   for and what was found there.
 * - `E_NOT_FOUND`: there is no such backup or item.
 * - `E_BUSY`: another operation holds the vault; the message says which, since when, and how far it is.
 * - `E_ABORTED`: the AbortSignal asked for it.
 * - `E_CORRUPT`: an object of the vault is damaged; the message names it and the backups that it hurts.
 * - `E_FORMAT`: the vault was made by a newer version.
 * - `E_VAULT`: the vault is another root's, or is not where this root had it, or the root is not what the last backup saw (its
 *   disk is not mounted); also pruning while a backup is suspicious. The message says what to do.
 * - `E_STORAGE_LIMIT`, `E_NO_SPACE`: `maxLocalStorage` or the disk is full; earlier backups are whole.
 * - `E_SOURCE`: the root, a file in it, or an archive cannot be read.
 * - `E_UNSAFE_PATH`: a path of a backup leads out of the target.
 * - `E_RESTORE`: the restore cannot be done as asked; nothing was touched.
 * - `E_ROLLED_BACK`: the restore failed after it had begun to replace files, and everything was put back.
 * - `E_WORKER`: Lifeboat is not built or does not load here (the message has the command that mends it), or the worker process
 *   died or hung (no sign of life for 15 minutes, or for 10 seconds once it was cancelled; no answer of the vault within 30
 *   seconds where one only looks); the vault is whole.
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
  /** A target could not be reached, or did not do what it was asked. */
  | 'E_CLOUD'
  /** A target does not take the credentials. */
  | 'E_CLOUD_AUTH'
  /** A target has no room left. */
  | 'E_CLOUD_QUOTA'
  | 'E_INTERNAL'

/** The message is a sentence that says what failed, on what, and what to do. It holds no secret. */
export class BackupError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown })
  readonly name: 'BackupError'
  readonly code: ErrorCode
}

/**
 * Replaces the configuration of the functions below. Without it they use `config/backup-config.json` under
 * `process.cwd()`, or the defaults where there is no such file.
 * @param config the configuration, or the path of a JSON file that holds it
 * @throws BackupError E_CONFIG, and the configuration before stays in use
 */
export function configure(config: Config | string): void

/** Listens to the default engine, also after `configure()`. See `BackupEngine.on`. */
export function on<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): void
export function off<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): void

/** Makes the backups of the default engine happen by themselves. After `configure()` it goes on with the new engine. */
export const scheduler: BackupScheduler

/**
 * The schedule: HOURLY, DAILY (2 AM), WEEKLY and MONTHLY backups, each followed by pruning, a WEEKLY one by an archive in
 * the vault's `archives/`; once a day a part of the vault is read back, and once a week a restore is rehearsed. Times are
 * those of `timezone`, or else of the host, as `process.env.TZ` has it at `start()`.
 *
 * Where several types are due together, the largest runs and counts for the others. What was missed while the host was
 * down is made up once, within a minute of the start; where there is no backup at all, one is made at once. A run that fails is
 * the event `backup:failure`, and is tried once more after an hour. What was seen to stands in the vault: of any number of hosts,
 * and of the processes of a cluster, one makes each backup. Nothing here keeps a process alive.
 */
export class BackupScheduler {
  /** `config`: an engine, or the configuration for one of its own. Without it: the default engine. */
  constructor(config?: BackupEngine | Config | string)
  /**
   * Does nothing where it is running already. A bot must start whatever is wrong: where the default engine cannot be made (a
   * configuration with a typo, no native part), that is a process warning and the event `backup:failure`, and no error.
   * @throws BackupError E_CONFIG for an engine of one's own
   */
  start(): void
  /** Waits for whatever is under way; with `cancel` it ends at its next safe place. */
  stop(options?: { cancel?: boolean }): Promise<void>
  readonly running: boolean
  /**
   * The coming runs, soonest first; one by default. Also where it is not running. It opens nothing: of a pause it knows what the
   * scheduler saw at its last turn, or `status()`, `pause()` and `resume()` here.
   */
  next(count?: number): { type: BackupType; at: Date }[]
  /**
   * Does now what the schedule does for this type.
   * @throws BackupError E_BUSY where another operation is running, and whatever else ends a backup
   */
  trigger(type: BackupType): Promise<BackupResult>
}

/**
 * The owner signs in to Google Drive, by Google's device flow: `show` gets a short link and a code, the owner opens the link on
 * a phone and types the code. Fulfilled once that was done and a small file was written there, read and removed; the sign-in is
 * kept in `tokenFile` then. What was there before stays until then. The command is `lifeboat auth gdrive`.
 * @throws BackupError E_CLOUD_AUTH where the owner refuses, is too late, or there is no client id; E_CLOUD where Google cannot be
 * reached; E_ABORTED
 */
export function authorizeDrive(options: AuthorizeDriveOptions): Promise<DriveAccount>

export interface AuthorizeDriveOptions {
  /** Gets what the owner has to open and to type, once; may send it by chat. If it throws, there is a warning. */
  show: (ask: DriveAsk) => unknown
  /** Stops the waiting. */
  signal?: AbortSignal
  /** The `name` of the target in `cloud`; by default the first Google Drive there. It may be before any is configured. */
  target?: string
}

export interface DriveAsk {
  /** The page that is to be opened, such as https://www.google.com/device. */
  url: string
  /** What is to be typed there. */
  code: string
  /** Until when, in milliseconds since the epoch; half an hour, as a rule. */
  expiresAt: number
}

export interface BackupEngine extends Operations {}

/** An engine of one's own: the same methods, for tests and for hosts with several roots. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: js/operations.js gives it all of them
export class BackupEngine {
  /** @throws BackupError E_CONFIG */
  constructor(config: Config | string)
  readonly scheduler: BackupScheduler
  authorizeDrive(options: AuthorizeDriveOptions): Promise<DriveAccount>
  /**
   * What happens is kept in the vault first, and told then. A listener takes an event by returning, or by fulfilling the
   * promise that it returns. One that throws or rejects (WhatsApp is not connected), or whose promise is not settled within a
   * minute, harms no operation: the event comes again, to this listener only, when the scheduler turns (each minute), or after
   * the next operation; what it threw becomes a process warning, once. Its later events wait behind it, those of others do not.
   *
   * What was not taken also comes again after a restart, and what happened while no host ran comes then, such as a failed
   * backup of the command line: to the same listener, which is known by the app's name (`consumer`), the event, and whether it
   * was the first, second, … that was registered for it. The processes of a cluster share these, so each event is taken by
   * one of them. A new listener gets the bad news that nobody has taken, and the good news from now on.
   *
   * Kept are at most 500 events, for 7 days; where there are more, good news goes first. Where the vault cannot be written,
   * alarms are told from memory. `progress` is only for whoever is there.
   */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): this
  off<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): this
}

/** What long operations have in common. */
export interface Watched {
  /** Aborting it ends the operation at its next safe place, with E_ABORTED and nothing half done. */
  signal?: AbortSignal
  /**
   * Called a few times a second at most, while the event loop has time for it; short operations may have none. It does
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
  /** A backup was made, and not everything could be stored: `warnings` say what, and what to do. Instead of `backup:success`. */
  'backup:degraded': BackupResult
  /** A backup was made that does not look as it should: see {@link Suspicion}. Once for each doubt, instead of the two above. */
  'backup:suspicious': { backup: string; reasons: string[] }
  /**
   * Also of one that was cut off with its machine. Not of one that was cancelled (E_ABORTED) or met another operation (E_BUSY):
   * that is no bad news.
   */
  'backup:failure': { type: BackupType; code: ErrorCode; message: string }
  'restore:success': RestoreResult
  /**
   * `rolledBack`: files had been replaced, and were put back. Otherwise none was touched, or `message` says what was.
   * `backup` is what was asked for, a name or an ISO time, or `'pending'` where it is what waited for the next start.
   * Not of a dry run, nor of one that was cancelled or met another operation.
   */
  'restore:failure': { backup: string; code: ErrorCode; message: string; rolledBack: boolean }
  /**
   * Files under the running host were replaced or removed, by itself or by a command: read again what is kept in memory of
   * them, also of databases. It is kept until it is taken, and the restore waits for it, also for a promise. The host's
   * JavaScript stands still from the moment the files change until the listener has run: a listener that reads with
   * `readFileSync` can be sure that nothing of the app wrote in between.
   */
  'restore:reload': { paths: string[] }
  /** The app wrote over what had been restored, or removed it. */
  'restore:overwritten': { backup: string; paths: string[] }
  /**
   * Reading back what is stored found damage that nobody was told of before, or a restore that was rehearsed did not come back
   * whole.
   */
  'integrity:failure': VerifyReport
  /**
   * What looks after the backups could not be done: the vault could not be read back, or there was no room for a rehearsal.
   * Once for each cause, until it can be done again.
   */
  'inspection:failure': { operation: 'VERIFY' | 'REHEARSAL'; code: ErrorCode; message: string }
  /** There is no good backup younger than `monitor.maxAgeHours`, or none at all for so long. Once a day, until there is one. */
  'backup:stale': { ageMs: number; limitMs: number }
  /**
   * The vault has reached `monitor.storageWarnPercent` (80), or 95 percent, of `maxLocalStorage`. Again when it had gone well
   * below that.
   */
  'storage:warning': { used: number; limit: number; percent: number }
  /** Everything is at a target for the first time, or again after it had failed. */
  'sync:success': SyncReport
  /**
   * Another vault at a target has no new backup for longer than its owner has said: its machine may be dead, and can't say so.
   * Once, until it has one. Only with `monitor.neighbours`.
   */
  'neighbour:late': { target: string; owner: string; newest?: number }
  /** Backups do not get to a target. Once for each cause, until they do again; `pending`: objects that wait. */
  'sync:failure': { target: string; code: ErrorCode; message: string; pending: number }
  // The end of what is generated
}

/** How many backups of each type a target keeps. What is left out is as here. */
export type Keep = Partial<Record<'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'MANUAL', number>>

/** What all targets but folders have. */
export interface CloudTargetBase {
  /** What it is called, in lists and commands. Default: its provider. No two have the same. */
  name?: string
  keep?: Keep
  /** At most so much is sent: `"500 KB/s"`, or by the hour: `"08:00-18:00 200 KB/s, 5 MB/s"`. */
  bandwidth?: string
  /** The address of the service, where it is not the usual one. */
  endpoint?: string
}

/** Google Drive: see docs/cloud-drive.md. */
export interface DriveTarget extends CloudTargetBase {
  provider: 'gdrive'
  /** The owner's own client, of the type "TVs and limited input devices"; both or neither. */
  clientId?: string
  clientSecret?: string
  /** Where `lifeboat auth gdrive` keeps the sign-in. Default `credentials/google-drive-token.json`. It is in no backup. */
  tokenFile?: string
  /**
   * A service account's key, instead of an owner's sign-in. It has no storage of its own: a shared drive, or `impersonate`. Default:
   * `credentials/google-drive-key.json` where that is there, nobody has signed in, and `clientId` is not given.
   */
  keyFile?: string
  /** The user of a Workspace whom the service account acts for. */
  impersonate?: string
  /**
   * The folder in Drive, by the last part of its address. Default: what GOOGLE_DRIVE_FOLDER_ID in the environment says, else a folder
   * `Lifeboat` that is made.
   */
  folderId?: string
  /** This account can add and not delete, as a contributor of a shared drive: nothing is removed from here. */
  appendOnly?: boolean
  /** What is removed goes to the trash, which counts. Default false: for good. */
  trash?: boolean
}

/** S3, and what speaks it: see docs/cloud-s3.md. */
export interface S3Target extends CloudTargetBase {
  provider: 's3'
  bucket: string
  /** The folder in the bucket that vaults lie in, each below its id. Default: the bucket itself. */
  prefix?: string
  region?: string
  /** Both or neither. Without them: the usual environment variables, then `profile` in `~/.aws`. */
  accessKeyId?: string
  secretAccessKey?: string
  profile?: string
  /** The bucket is named in the path, and not in the host. Default: where there is an `endpoint`. */
  pathStyle?: boolean
  /** These credentials can add and not delete: nothing is removed from here. */
  appendOnly?: boolean
  /**
   * Days, 2 to 3650, for a bucket with Object Lock: what a kept backup needs is locked for so many days again once less than half of
   * them is left. No lock is shortened. Default: locks are left to the bucket.
   */
  lockDays?: number
}

/** A mounted disk, or another machine's. It has to be there: nothing is made in its place. */
export interface FolderTarget {
  provider: 'folder'
  name?: string
  /** Relative to the root. */
  path: string
  keep?: Keep
}

export type CloudTarget = DriveTarget | S3Target | FolderTarget

/**
 * `config/backup-config.json`. Every field has a default that works for raf-bot; an unknown field is E_CONFIG, with the
 * nearest known name. The vault opens by the environment variable BACKUP_PASSPHRASE or BACKUP_KEY_FILE, read at each
 * call, or by what stands here; and where there is none of these by `config/backup.pass` in the root, which `lifeboat init`
 * makes. In a passphrase, the form of accents, a newline at its end and a byte order mark do not count.
 */
export interface Config {
  /** The folder that is backed up, relative to `process.cwd()`. Default `'.'`. */
  root?: string
  /**
   * The vault, relative to the root. Default `'backups'`. Where this folder holds other things, such as an app's own copies
   * of its databases, the vault is `lifeboat/` in it, for every command alike.
   */
  backupDir?: string
  /** Default true. Counts when the vault is made. */
  encryption?: boolean
  passphrase?: string
  /** A file that holds the passphrase. Relative to the root. */
  passphraseFile?: string
  /** Opens the vault without a passphrase. Made by `lifeboat init --key-file FILE`. Relative to the root. */
  keyFile?: string
  /** Default true, which is level 6; levels go from 0 (off) to 12 (smallest). */
  compression?: boolean | { level: number }
  /** Bytes, or text such as `'5GB'`, which is the default. */
  maxLocalStorage?: number | string
  /**
   * So long the copy here lives of a backup that a target in `cloud` has whole, unless it is the newest good one. Default 7. A target
   * has it where its own `keep` keeps it, its packs were sent from here or read back, and no damage of it is known; a folder on the
   * vault's own disk never has.
   */
  localRetentionDays?: number
  /** Such as `'Asia/Jakarta'`. Default: the host's. The command line reads and prints times in it, too. */
  timezone?: string
  /**
   * Patterns as node-cron has them: five fields, or six with the seconds first. Default: HOURLY `0 * * * *`, 24 are kept;
   * DAILY `0 2 * * *`, 7; WEEKLY `0 3 * * 0`, 4, with an archive; MONTHLY `0 4 1 * *`, 12.
   */
  schedules?: Partial<
    Record<
      'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY',
      { cron?: string; keep?: number; enabled?: boolean; archive?: boolean }
    >
  >
  /** How many MANUAL and API backups are kept, together; younger ones than `localRetentionDays` are, too. Default 10. */
  keepManual?: number
  /**
   * What is taken and as what: exactly this. The first that fits decides. With `followLinks`, what `include` names is in
   * `followLinks` below, too. With `set`, each folder that `include` names itself is read until it is of one moment, as a
   * WhatsApp session and the folder of a LevelDB always are; one that never rests makes the backup degraded.
   *
   * Default: everything but what can be made again, with raf-bot's categories; photos, sounds, films and databases
   * elsewhere are known by their content. Left out are the folders `node_modules` and `.git`, those with a valid
   * `CACHEDIR.TAG` (bford.info/cachedir; not in folders that have a category), and empty folders `x.lock` beside a file `x`.
   */
  sources?: { category: Category; include: string[]; exclude?: string[]; followLinks?: boolean; set?: boolean }[]
  /** Globs that are taken although the default would leave them out: `['node_modules/patched']`. */
  include?: string[]
  /**
   * Globs that are not taken. They have the last word. Besides these, only what is Lifeboat's own is never taken: the vault,
   * what a restore works in, its temporary files, and the files that open the vault.
   */
  exclude?: string[]
  /**
   * Globs of links that lead out of the root and are followed: `['data']`. What is behind such a link is taken as if it lay
   * in the root, and is restored there as a folder or file of its own; what the link led to is not touched. What is behind
   * other links that lead out is in no backup, and makes it degraded, unless they lead to the system's own places.
   */
  followLinks?: string[]
  /**
   * What this app is called among those who hear of events: what one has taken comes to the other all the same. Default: the
   * name of the file that was started, such as `index.js`.
   */
  consumer?: string
  /** Are backups brought to `cloud` as they are made? Default: where there is any. `sync()` brings them in any case. */
  cloudSync?: boolean
  /**
   * Where backups are brought to, any number of places, each with a state of its own. Each vault has a folder of its own there,
   * called by its id, so that many share one. `name`: how it is called; default: after its provider. `keep`: how many backups
   * of each type stay there. `bandwidth`: `'500 KB/s'`, or by the hour: `'08:00-18:00 200 KB/s, 5 MB/s'`.
   */
  cloud?: CloudTarget[]
  monitor?: {
    /** Default: the longest time between two scheduled backups and two hours, but at least 26 hours. */
    maxAgeHours?: number
    /** Default 80. */
    storageWarnPercent?: number
    /** When a part of the vault is read back. Default `30 5 * * *`: within a month, all of it is. */
    verifyCron?: string
    /** Gets a request after each good backup of a host or of the command line, and a POST to `/fail` behind it after a bad one. */
    pingUrl?: string
    /** Raises `neighbour:late` for other vaults of the targets. Default false. */
    neighbours?: boolean
  }
  /**
   * How the app is started again, for a restore that waits for its next start: a function, or false for never. By default
   * `process.exit` where pm2 or systemd starts it again, and a signal to nodemon. Only for `configure()` and `BackupEngine`.
   */
  requestRestart?: false | (() => unknown)
  /** `threads`: 0 is automatic. `nice`: Unix niceness from 0 to 19, default 10. */
  worker?: { threads?: number; nice?: number }
}

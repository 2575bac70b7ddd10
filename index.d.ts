// What the package exports. Sizes are in bytes, times in milliseconds since 1970, durations in milliseconds.
// Every promise that is rejected is rejected with a BackupError.

export type BackupType = 'MANUAL' | 'API' | 'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'SAFETY'
export type Category = 'database' | 'config' | 'logs' | 'accounts' | 'templates' | 'session' | 'media' | 'data'

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

/** Makes a backup of the root. The first one makes the vault. `type` is `'MANUAL'` by default. */
export function createBackup(type?: BackupType, options?: BackupOptions): Promise<BackupResult>

/**
 * What a backup would take, by folder and category, and what it would not, and why. Writes nothing, not even a vault, and
 * needs no passphrase.
 */
export function previewBackup(options?: Watched): Promise<Preview>

/**
 * Looks at everything that a backup needs, from the root to the vault; each check that failed names what mends it. It
 * never stops at the first, and a configuration that is wrong is one of them.
 */
export function doctor(options?: Watched): Promise<Diagnosis>

/**
 * Brings back a backup, or some of its items: in place, or into `options.target`.
 *
 * In place it is all or nothing, also after a crash. What is replaced is backed up first (`safetyBackup` in the result).
 * Files that the backup does not know stay, except in `options.mirror`.
 *
 * Where the worker dies, what it had begun is carried on before the promise settles: it is fulfilled where the restore was
 * finished, and rejected with E_WORKER where it had not begun to replace files, or with E_ROLLED_BACK where it was undone.
 * Only if that fails as well is the root left in between, and the message says so: the next operation on the root, or
 * `applyPendingRestore()` at the next start, carries it on. Once files are being replaced, an abort may come too late.
 * @param backup a backup's name, `'latest'`, or the newest good backup at or before an instant; what a restore replaced (a
 * SAFETY backup) is taken by its name only
 * @throws BackupError E_NOT_FOUND with the nearest names, E_CORRUPT, E_RESTORE: nothing was touched; E_ROLLED_BACK:
 * everything was put back
 */
export function restore(backup: BackupReference, options?: RestoreOptions): Promise<RestoreResult>

/**
 * Takes the last restore in place back, from its own record: what it replaced or removed comes back from its safety backup,
 * what it made goes, and nothing else is touched. That is a restore, too, with a safety backup of its own: another
 * `undoRestore()` takes it back.
 * @throws BackupError E_NOT_FOUND where there is no restore to take back, or its safety backup is gone
 */
export function undoRestore(options?: UndoOptions): Promise<RestoreResult>

/**
 * The first line of a host, before it opens anything: applies a restore that was staged with `mode: 'on-restart'`, and
 * finishes or undoes one that a crash cut off. Null where there is neither: that starts no process and costs less than a
 * millisecond, once the addon is loaded. In CommonJS, the host's index.js is:
 *
 *     require('lifeboat').applyPendingRestore().then(() => require('./bot.js'))
 */
export function applyPendingRestore(): Promise<RestoreResult | null>

/** Forgets a restore that waits for the next start. True: there was one. */
export function discardPendingRestore(): Promise<boolean>

/** The backups, newest first. Never waits for an operation that is running. */
export function listBackups(filter?: ListFilter): Promise<BackupInfo[]>

/**
 * What a backup holds, in path order. Never waits for an operation that is running.
 * @param backup a backup's name, or `'latest'`
 */
export function listItems(backup: string, filter?: ItemFilter): Promise<Item[]>

/**
 * Every version of one path over time, newest first; the same content in backups in a row is one version. Never waits.
 * @param path relative to the root, as `listItems` gives it
 * @throws BackupError E_NOT_FOUND with the nearest names, where no backup has it
 */
export function versions(path: string): Promise<Version[]>

/**
 * What changed between two backups, or, without `to`, from a backup to the root as it is now. For a SQLite database it
 * tells which tables changed by how many rows. The root is only read, and by the worker. Never waits.
 */
export function diff(from: BackupReference, to?: BackupReference | null, options?: Watched): Promise<DiffReport>

/**
 * Sets up the root on another server, from a vault or an archive. The root must be empty or not exist; only a copy of the
 * vault may lie in it. All of the backup is restored or nothing, and the vault is copied to where the new root has it, with
 * its history of runs; events that wait for the old host stay with that. The source is only read. What was cut off goes on with the same call. `docs/disaster.md` is the guide.
 * @param from a vault's folder, a folder that holds one (an old root), or an archive
 */
export function migrate(from: string, options?: MigrateOptions): Promise<MigrateReport>

/**
 * Writes one backup into one portable file, which is readable without a vault: a `.tar.gz`, or sealed under the passphrase
 * (without one, under the key file) a `.tar.gz.sealed`. The file is there whole or not at all. `recover.mjs` opens it, too.
 * @param backup a backup's name, or `'latest'`
 * @param file the file, or a folder that gets one with the backup's name
 * @throws BackupError E_CONFIG, before anything is read, where the file exists already or its folder is missing, E_PASSPHRASE, E_NO_SPACE, E_CORRUPT where the vault is damaged
 */
export function exportBackup(backup: string, file: string, options?: ExportOptions): Promise<ExportResult>

/**
 * Takes an archive into the vault, as the backup that it was; makes the vault where there is none. Every byte is compared
 * with the archive's manifest before the backup counts. Waits for an operation that is running. A backup that the vault
 * has already is left as it is; another one of the same name keeps it, and the archive gets the next one that is free.
 * @throws BackupError E_PASSPHRASE, E_CORRUPT, E_UNSAFE_PATH; E_SOURCE for what is not an archive of Lifeboat
 */
export function importBackup(file: string, options?: ImportOptions): Promise<BackupInfo>

/** Reads back and authenticates one backup, or the whole vault with its archives. Damage is in the report, not an error. */
export function verify(backup?: string | null, options?: VerifyOptions): Promise<VerifyReport>

/** How the backups are: what is wrong, since when, and what to do. Needs no passphrase, and never waits. */
export function status(): Promise<Status>

/** What happened, newest first: every run of an operation that reads or writes the vault. Needs no passphrase. */
export function history(filter?: HistoryFilter): Promise<Run[]>

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
 * Removes the backups that no rule keeps, and what only they needed. Kept are the newest of each type (`keep` in
 * `schedules`), the newest `keepManual` made by hand, those from before a restore for `localRetentionDays`, what is pinned,
 * and always the newest good one. A backup that is being read stays until the next time. While a backup is suspicious nothing
 * goes, and this is E_VAULT: see {@link acceptBackup}.
 */
export function prune(options?: PruneOptions): Promise<PruneReport>

/** Removes one backup, and what only it needed. No other backup needs it. */
export function deleteBackup(backup: string): Promise<void>

/**
 * Brings everything that waits to the targets of the configuration (`cloud`), the newest backup first, and waits for that. What
 * is there is not sent again, and what was cut off, also with its process, is gone on with. A scheduler that runs does so by
 * itself after each backup. What could not be sent is in `failed`, and is no error.
 * @throws BackupError E_CONFIG where there is no such target, E_VAULT where the vault is another root's
 */
export function sync(options?: SyncOptions): Promise<SyncReport>

/**
 * All vaults of a target, whose they are, and which are late. With `monitor.neighbours` each machine looks after the others.
 * @param target a target's name in the configuration
 * @throws BackupError E_CONFIG where there is no such target, E_CLOUD and the like where it cannot be asked
 */
export function vaults(target: string): Promise<VaultInfo[]>

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

export interface DriveAccount {
  /** Whose Drive it is: an e-mail address. */
  account: string
  /** Bytes that are left in the account, where it has a limit. */
  free?: number
}

/**
 * No scheduled backups until then, by whatever host or cluster; it ends by itself, and what was missed is made up once.
 * Backups by hand and by commands (cron's), and what looks after the vault, go on. Meanwhile `backup:stale` is not raised.
 * @param until a time that is still to come, within ten years
 * @throws BackupError E_NOT_FOUND where there is no vault yet
 */
export function pause(until: Date | number): Promise<void>
/** Ends a pause. */
export function resume(): Promise<void>

/** Keeps a backup until it is unpinned, whatever the rules say. */
export function pin(backup: string): Promise<void>
/** Leaves a pinned backup to the rules again. */
export function unpin(backup: string): Promise<void>

/**
 * Says that a suspicious backup is right after all, so that pruning goes on. Those before it, and later ones with the same
 * doubt, are accepted with it. Of one that is wrong: restore `suspicious.against`, and delete it.
 * @param backup a backup's name, or `'latest'`: the newest suspicious one
 */
export function acceptBackup(backup: string): Promise<void>

/**
 * Says that this root and this vault belong together. The first backup does so, too, and `migrate`. Where a root meets another's
 * vault, every backup is E_VAULT, because the rules would count the backups of both together.
 */
export function adoptVault(): Promise<void>

/** An engine of one's own: the same methods, for tests and for hosts with several roots. */
export class BackupEngine {
  /** @throws BackupError E_CONFIG */
  constructor(config: Config | string)
  createBackup(type?: BackupType, options?: BackupOptions): Promise<BackupResult>
  previewBackup(options?: Watched): Promise<Preview>
  doctor(options?: Watched): Promise<Diagnosis>
  restore(backup: BackupReference, options?: RestoreOptions): Promise<RestoreResult>
  undoRestore(options?: UndoOptions): Promise<RestoreResult>
  applyPendingRestore(): Promise<RestoreResult | null>
  discardPendingRestore(): Promise<boolean>
  listBackups(filter?: ListFilter): Promise<BackupInfo[]>
  listItems(backup: string, filter?: ItemFilter): Promise<Item[]>
  versions(path: string): Promise<Version[]>
  diff(from: BackupReference, to?: BackupReference | null, options?: Watched): Promise<DiffReport>
  migrate(from: string, options?: MigrateOptions): Promise<MigrateReport>
  exportBackup(backup: string, file: string, options?: ExportOptions): Promise<ExportResult>
  importBackup(file: string, options?: ImportOptions): Promise<BackupInfo>
  verify(backup?: string | null, options?: VerifyOptions): Promise<VerifyReport>
  status(): Promise<Status>
  history(filter?: HistoryFilter): Promise<Run[]>
  readonly scheduler: BackupScheduler
  prune(options?: PruneOptions): Promise<PruneReport>
  sync(options?: SyncOptions): Promise<SyncReport>
  vaults(target: string): Promise<VaultInfo[]>
  deleteBackup(backup: string): Promise<void>
  pin(backup: string): Promise<void>
  unpin(backup: string): Promise<void>
  acceptBackup(backup: string): Promise<void>
  adoptVault(): Promise<void>
  authorizeDrive(options: AuthorizeDriveOptions): Promise<DriveAccount>
  pause(until: Date | number): Promise<void>
  resume(): Promise<void>
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

/** A vault at a target, which many machines may share. */
export interface VaultInfo {
  /** The folder that it lies in there, which is called by its id. */
  prefix: string
  /** What its owner has said: the app and the machine. */
  owner: string
  /** When the newest backup there was made. Absent where there is none. */
  newest?: number
  /** Bytes of all that lies there. */
  bytes: number
  /** It is older than its owner has said that it may be. */
  late: boolean
}

export interface SyncOptions extends Watched {
  /** Only this target, by its name. */
  target?: string
}

export interface SyncReport {
  /** Objects that were sent, to all targets together. */
  uploaded: number
  /** Their bytes. */
  bytes: number
  /** Objects that still wait. */
  pending: number
  /** `object` is empty where it is the target itself that failed. */
  failed: { object: string; target: string; code: ErrorCode; message: string }[]
  /** What is not right at a target, and no failure: that nothing is pruned there, and why. `path` is its name. Absent where all is. */
  warnings?: Warning[]
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

export interface BackupOptions extends Watched {
  /** Re-read and re-hash every byte. Default: true for DAILY, WEEKLY and MONTHLY. */
  full?: boolean
  /** A few words of your own, kept with the backup. */
  note?: string
  /** Wait for an operation that is running, instead of failing with E_BUSY. */
  wait?: boolean
}

export interface BackupResult {
  success: true
  backup: string
  type: BackupType
  /** Bytes that this backup added to the vault. */
  size: number
  /** Bytes of its items as they lie on disk. */
  totalSize: number
  items: number
  /** Items that were new or changed since the backup before. */
  changed: number
  /** Items of the backup before that are gone. */
  removed: number
  /** Whether every byte was read again. */
  full: boolean
  durationMs: number
  /** Something could not be stored as it should be: the first of `warnings` say what, and what to do. */
  degraded: boolean
  suspicious?: Suspicion
  warnings: Warning[]
  /** What is worth knowing, and no fault: where another disk or folder is mounted in the root. Absent where there is nothing. */
  notes?: Warning[]
  /** `off` where there is no target; `queued`: it goes there by itself, and `sync()` waits for that. */
  cloud: 'off' | 'queued' | 'synced'
}

/**
 * The backup has lost most of what the newest one had that nobody doubts (more than half of the items, of a database, or all of a
 * category), or most files have changed at once and do not compress any more. It takes no other's place, and nothing is pruned
 * until it is accepted or deleted.
 */
export interface Suspicion {
  /** Sentences without their ends. */
  reasons: string[]
  /** The backup that it was compared with. */
  against: string
  /** The first backup with this doubt: itself, or an earlier one. */
  since: string
}

/** Everything is told by its largest first. */
export interface Preview {
  root: string
  /** Of everything that would be taken. */
  items: number
  size: number
  categories: Partial<Record<Category, { items: number; size: number }>>
  /** By folder, two levels deep (less deep where there are very many), and category. `.` is the root itself. */
  taken: { path: string; category: Category; items: number; size: number }[]
  /** What of it is probably useless. `exclude` leaves it out. */
  useless: { path: string; why: string; items: number; size: number }[]
  /** What would not be taken; first what makes a backup degraded. */
  left: PreviewLeft[]
  /** As in `BackupResult`. */
  notes?: Warning[]
  durationMs: number
}

export interface PreviewLeft {
  /** Empty for the many small ones that are counted together. */
  path: string
  /**
   * `ours`: the vault, what a restore works in, files that open the vault. `default`: the default `exclude`. `exclude`: the
   * configuration's. `sources`: none names it. `special`: a socket, pipe or device. `link`: what is behind it.
   */
  reason: 'ours' | 'default' | 'exclude' | 'sources' | 'special' | 'unreadable' | 'link'
  /** In a sentence. */
  why: string
  /** A backup without it is degraded. */
  lost: boolean
  /** What takes it, or leaves it out on purpose. */
  mend?: string
  items: number
  size: number
  /** There is more of it than was counted. */
  more?: boolean
}

export interface Diagnosis {
  /** No check failed. */
  ok: boolean
  checks: { name: string; ok: boolean; message: string; mend?: string }[]
}

export interface Warning {
  path: string
  message: string
}

export type BackupReference = string | { at: Date | number | string }

export interface ListFilter {
  type?: BackupType
  /** Inclusive. */
  since?: Date | number
  /** Inclusive. */
  until?: Date | number
  /** At most this many, the newest. */
  limit?: number
}

export interface ItemFilter {
  /**
   * Paths, globs or categories. A path that the backup has comes before a glob, and a file before a category of its name; a
   * folder is taken with the category. `./database` is always the path, `category:database` always the category. A path that is
   * not UTF-8 is `//` and its bytes in base64 (`'//' + item.raw`).
   */
  items?: string[]
}

export interface BackupInfo {
  backup: string
  type: BackupType
  timestamp: number
  note?: string
  /** Bytes that this backup added to the vault. */
  size: number
  /** Bytes of its items as they lay on disk. */
  totalSize: number
  items: number
  /** Of the categories that it has. */
  categories: Partial<Record<Category, { items: number; size: number }>>
  full: boolean
  degraded: boolean
  /** Until it is accepted. */
  suspicious?: Suspicion
  pinned: boolean
  verifiedAt?: number
  /** Where it lies: `'local'`, and the names of targets, as far as that is known here. */
  location: string[]
  /**
   * `queued`: it goes to a target by itself. `synced`: it is at every target whose rules keep it, and at one at least, as they have
   * said. `off`: nothing brings it anywhere: there is no target, `cloudSync` is false, or the rules of every target have dropped it.
   */
  cloud: 'off' | 'queued' | 'synced'
}

export interface Item {
  /** Relative to the root, with `/`. */
  path: string
  /** The bytes of a path that is not UTF-8, in base64. */
  raw?: string
  category: Category
  type: 'file' | 'dir' | 'symlink'
  size: number
  mtime: number
  /** Absent for folders and links, and for a database that was written to while it was copied. */
  sha256?: string
}

/** One state of one path: the item as the newest backup with it has it. */
export interface Version extends Item {
  /** The newest backup that has this version. */
  backup: string
  /** When that was made. */
  timestamp: number
  /** The oldest backup, of those in a row, that has it. */
  firstBackup: string
  /** How many backups have it. */
  backups: number
  /** The first backup after these in which the path was gone. */
  goneIn?: string
  /** Backups among these, or next to them, that cannot be read: what they have of the path is not known. */
  unreadable?: string[]
}

/** Files of the live root that need not be read have no `sha256` here. */
export interface DiffReport {
  from: string
  /** Absent where it is the live root. */
  to?: string
  added: Item[]
  removed: Item[]
  changed: Change[]
  /** How many items are the same. */
  unchanged: number
  /** What could not be compared, and why. */
  warnings?: Warning[]
  durationMs: number
}

/** One path that is there on both sides, and differs. */
export interface Change {
  path: string
  category: Category
  before: Item
  after: Item
  /** Only what it is besides its content differs. */
  metadataOnly: boolean
  /** What differs of that: `attributes` are extended attributes and ACLs, `names` the other names of the same file. */
  besides?: ('mode' | 'owner' | 'time' | 'attributes' | 'names')[]
  /** Of a SQLite database: the tables whose rows or definition differ. */
  tables?: TableDiff[]
  /** Of a SQLite database: why not all of it could be compared, or what differs where no row does. */
  note?: string
}

/** Rows are told apart by rowid or primary key. Virtual tables (FTS5) are told by the ordinary tables that hold them. */
export interface TableDiff {
  table: string
  added: number
  removed: number
  changed: number
  /** The definition of the table differs, too. */
  schema: boolean
  /** Only the newer side has the table. */
  created?: boolean
  /** Only the older side has the table. */
  dropped?: boolean
}

export interface RestoreOptions extends Watched {
  /** As in `ItemFilter`: `['category:database', 'config.json', 'uploads/reports/2026/**']`. Default: everything. */
  items?: string[]
  /** As in `items`; true without items is E_CONFIG. */
  selective?: boolean
  /** Only say what would be done, and whether it can be: key, room, every stored piece. */
  dryRun?: boolean
  /** Default true: everything that is replaced is first in a SAFETY backup, named in the result. */
  createBackupFirst?: boolean
  /** Another folder than the root, which must not exist, or be empty: nothing live is touched. */
  target?: string
  /**
   * How a restore in place treats an app that runs. `live`: databases through SQLite, so that open connections see the
   * restored rows; other files by rename. `offline`: all by rename; nobody may have a database open. `on-restart`: everything
   * is prepared, and `applyPendingRestore()` applies it at the next start.
   *
   * `auto`, the default, chooses one for all, and the result says which and why. Databases alone: live where somebody has
   * them open. With other files, which an app may have in memory and write back: live where every running app listens to
   * `restore:reload`; else on-restart where they apply one at their start, which is then asked for (`requestRestart`); else
   * live, with an `advice`. Where no app runs: offline.
   */
  mode?: RestoreMode | 'auto'
  /** Categories in which items that the backup does not have are removed. Default `['session']`. */
  mirror?: Category[]
  /** Take each of `items` from the newest backup that has it, not later than the chosen one. */
  perItem?: boolean
  /** Write all that is whole of a damaged vault, and list the rest in `failed`. Needs a `target`. */
  salvage?: boolean
  /** Give everything to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may. Default: as in the backup. */
  owner?: string
  /** Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise. */
  allowOutsideLinks?: boolean
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
  /**
   * After a restore under a running app that does not read again what came back: look for up to 30 s whether it writes its
   * memory over that, and say so in `overwritten`. Default true; aborting the signal ends it, and keeps the restore.
   */
  watch?: boolean
  /** The target that gives what is missing or damaged here. Default: each of them in turn. */
  from?: string
}

/** As in `RestoreOptions`. What is restored is the record's to say. */
export type UndoOptions = Pick<RestoreOptions, 'dryRun' | 'mode' | 'wait' | 'watch' | keyof Watched>

export type RestoreMode = 'live' | 'offline' | 'on-restart'

export interface RestoreResult {
  success: true
  backup: string
  /** The paths that were written; empty for a dry run, and while the restore waits for the next start. */
  restored: string[]
  /** The time of the backup. */
  timestamp: number
  /** All that was replaced or removed is in this backup, and `undoRestore()` takes it from there. */
  safetyBackup?: string
  /** The command that takes it back, `lifeboat undo`; absent where nothing was done, or no safety backup was made. */
  undo?: string
  /** Of `undoRestore()`: the backup whose restore was taken back, when that was made, and whether it was an undo itself. */
  takesBack?: { backup: string; at: number; undo: boolean }
  /** `.` in `replace` is the root folder itself: its owner, mode or attributes. */
  plan: { create: string[]; replace: string[]; remove: string[]; unchanged: number; bytes: number }
  dryRun: boolean
  /** Of a dry run: bytes that the safety backup will probably add to the vault. */
  safetyBytes?: number
  /** It waits for the next start: call `applyPendingRestore()` there, before anything is opened. */
  staged: boolean
  /** How it was done in place; absent with a `target`. */
  mode?: RestoreMode
  /** Why that mode was chosen, in a sentence. */
  reason?: string
  /** What a salvage could not give back, and why. */
  failed?: Warning[]
  /** What the app wrote over, or removed, after it was restored: it is as the app left it, and no failure. */
  overwritten?: string[]
  /**
   * WhatsApp sessions that work and were left alone although the backup has them otherwise: an older state would break them.
   * Each message says how to restore it all the same. One that is named in `items` is restored.
   */
  kept?: Warning[]
  /**
   * What a process has open as it was before, because it was deleted, moved or replaced under it: what it writes there is
   * found by nobody, so it has to be started again. `advice` says so.
   */
  stillOpen?: string[]
  /** The running apps that have read again what was restored, such as `bot.js (process 4711)`. */
  reloadedBy?: string[]
  /** What to do now, in a sentence: start the app again, for one. Absent where nothing is left to do. */
  advice?: string
  /** Until everything was in place; what hosts took to read it again is not in it. */
  durationMs: number
  warnings: Warning[]
}

export interface ExportOptions extends Watched {
  /** Paths, globs, or categories. Default: everything. */
  items?: string[]
  /** Seal it. Default: as the configuration's `encryption`, and where the file is called `.sealed`. */
  encrypt?: boolean
  /** Replace a file that exists. Otherwise it is E_CONFIG. */
  overwrite?: boolean
}

export interface ExportResult {
  /** The absolute path of the archive. */
  file: string
  /** Bytes of the archive. */
  size: number
  items: number
  /** Whether it is sealed. */
  encrypted: boolean
  durationMs: number
}

export interface ImportOptions extends Watched {
  /** The archive's passphrase, where it is not the vault's. Default: the environment variable BACKUP_ARCHIVE_PASSPHRASE. */
  passphrase?: string
}

export interface MigrateOptions extends Watched {
  /** Default: the newest. An archive holds one, and there is none to choose. */
  backup?: BackupReference
  /** Copy the vault, too, so that its history goes on in the new root. Default true. */
  history?: boolean
  /** Give everything to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may. Default: as in the backup. */
  owner?: string
  /** Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise. */
  allowOutsideLinks?: boolean
}

export interface MigrateReport {
  success: true
  /** The vault's folder, or the archive, that all came from. */
  source: string
  root: string
  /** The vault of the new root; absent with `history: false`. */
  vault?: string
  backup: string
  /** The time of the backup. */
  timestamp: number
  items: number
  /** Bytes of the items. */
  bytes: number
  /** How many backups the new vault has. */
  backups: number
  /** Bytes that were copied into the new vault. */
  copied: number
  /** It went on with a migration that had been cut off. */
  resumed: boolean
  /** What is damaged in the new vault. The root is whole all the same. */
  damaged: VerifyReport['damaged']
  /**
   * What does not fit on this machine, such as absolute paths in the configuration, or dependencies (`file:../lifeboat`) that
   * are not there: nothing of it is changed.
   */
  warnings: Warning[]
  /** What is left to be done, in this order. */
  next: { command: string; why: string }[]
  durationMs: number
}

export interface PruneOptions extends Watched {
  /** Only say what would go, and why. */
  dryRun?: boolean
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
  /** Prune although a backup is suspicious. */
  despiteSuspicion?: boolean
  /**
   * Free all room now. By default a pack goes a day after nothing needs it any more, so that a copy of the vault that is being
   * made misses nothing; the report warns of what went at once.
   */
  atOnce?: boolean
  /** Instead of the vault here: what lies at this target, by its own `keep`. Not with `atOnce`. */
  target?: string
  /** Of several vaults at the target, where none is here: the one of this id, as `vaults()` has it in `prefix`. */
  vaultId?: string
}

export interface PruneReport {
  dryRun: boolean
  /** Every backup, newest first, with what becomes of it. */
  backups: { backup: string; type: BackupType; timestamp: number; keep: boolean; why: string }[]
  /** How many backups went, or would go. */
  removed: number
  packsRemoved: number
  packsRewritten: number
  /** Bytes that the vault is smaller now; of a dry run, to within a few hundred bytes a pack. */
  freed: number
  /** Bytes that nothing needs any more, and that a later pruning removes, a day after they were found so. */
  waiting: number
  /** Bytes that were written again, because they lay among what went. */
  copied: number
  durationMs: number
  warnings: Warning[]
}

export interface VerifyOptions extends Watched {
  /** Also decompress and re-hash every chunk. */
  deep?: boolean
  /** Instead of the vault here: what lies at this target; what is damaged there is put back from here. Not with a backup. */
  target?: string
}

export interface VerifyReport {
  ok: boolean
  backups: number
  packs: number
  /** Bytes that were read back. */
  bytes: number
  damaged: { object: string; backups: string[]; healed: boolean; message: string }[]
  durationMs: number
}

export interface Progress {
  /** What is being done, in a word. */
  phase: string
  items: number
  totalItems?: number
  bytes: number
  totalBytes?: number
  path?: string
  etaMs?: number
}

export interface HistoryFilter {
  operation?: string
  /** Of backups. */
  type?: BackupType
  /** Inclusive. */
  since?: Date | number
  /** Inclusive. */
  until?: Date | number
  /** At most this many, the newest. */
  limit?: number
}

/** One entry of the history, which keeps the newest 20,000. What was refused with E_BUSY did nothing, and is not in it. */
export interface Run {
  operation: 'BACKUP' | 'RESTORE' | 'PRUNE' | 'VERIFY' | 'REHEARSAL' | 'EXPORT' | 'IMPORT' | 'DELETE' | 'SYNC'
  /** Of a backup. */
  type?: BackupType
  /** Smaller types that it counted for. */
  covers?: BackupType[]
  at: number
  durationMs: number
  /**
   * `degraded`: a backup was made, and not everything is in it; see `warnings`. `interrupted`: its process was killed, or
   * the machine went down.
   */
  result: 'success' | 'degraded' | 'failure' | 'interrupted' | 'running'
  backup?: string
  /** Bytes that were added, freed, written or read. */
  size?: number
  /** Bytes of the backup's items. */
  totalSize?: number
  items?: number
  changed?: number
  code?: ErrorCode
  message?: string
  /** Asked for by a host; otherwise by a command. */
  hosted: boolean
  /** Of a backup: the schedule asked for it, and tries it again where it failed. */
  scheduled?: boolean
  /** The first ten. */
  warnings: Warning[]
}

export interface Status {
  healthy: boolean
  problems: { code: string; message: string; since: number }[]
  lastSuccess: Partial<Record<BackupType, number>>
  /** The newest backup that failed. */
  lastFailure?: { type: BackupType; at: number; code: ErrorCode; message: string }
  /** Milliseconds since the newest good backup. */
  age?: number
  /** What holds the vault now, and how far it said that it is. */
  running?: { operation: string; pid: number; since: number; progress?: Progress }
  /** A restore waits for the next start of the app. */
  pendingRestore: boolean
  /** `running` and `next` are those of this engine's scheduler. */
  schedule: {
    running: boolean
    next?: { type: BackupType; at: number }
    /** No scheduled backups until then: `pause()`. */
    paused?: number
    /** Who makes the scheduled backups: a host's scheduler, commands as cron runs them, or nobody. */
    by: 'host' | 'commands' | 'nobody'
    /** The processes of the app that have loaded Lifeboat and done something with it. */
    hosts: {
      pid: number
      /** What was started: `index.js`. */
      name: string
      since: number
      /** Its time zone, by its IANA name. */
      zone: string
      /** Since when its scheduler runs. */
      scheduler?: number
      /** It applies at its start what waits for it. */
      appliesPending: boolean
      /** It listens to `restore:reload`. */
      reloads: boolean
    }[]
    /** The last scheduled type that a command made. */
    lastCommand?: { type: BackupType; at: number }
  }
  /** Each target, as the configuration has them. */
  cloud: {
    target: string
    provider: 'gdrive' | 's3' | 'folder'
    /** `off`: nothing goes there by itself (`cloudSync`). `failing`: see `lastFailure`. */
    state: 'off' | 'queued' | 'synced' | 'failing'
    /** Objects that wait. */
    pending: number
    /** Their bytes. */
    pendingBytes: number
    /** When everything was last there. */
    lastSuccess?: number
    /** Absent where it went well since. */
    lastFailure?: { at: number; code: ErrorCode; message: string }
    /** What its last pruning could not do, and why. Absent where there is nothing. */
    warnings?: string[]
  }[]
  storage: {
    /** Bytes of everything in the vault's folder. */
    used: number
    /** The cap, `maxLocalStorage`. */
    limit: number
    /** Bytes free on the vault's disk. */
    free: number
    backups: number
    /** Bytes of all backups' items, as if each were a plain copy. */
    sourceBytes: number
    /** Bytes of the packs and snapshots that hold them. */
    storedBytes: number
  }
}

export interface Events {
  progress: Progress & {
    operation:
      | 'createBackup'
      | 'restore'
      | 'undoRestore'
      | 'applyPendingRestore'
      | 'verify'
      | 'listBackups'
      | 'listItems'
      | 'status'
      | 'diff'
      | 'migrate'
      | 'exportBackup'
      | 'importBackup'
      | 'prune'
      | 'acceptBackup'
      | 'adoptVault'
      | 'runScheduled'
      | 'runDue'
      | 'inspect'
      | 'inspectDue'
      | 'previewBackup'
      | 'doctor'
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

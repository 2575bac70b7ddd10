// Generated from crates/engine/src/operations/ by `npm run generate`. Sizes are in bytes, times in milliseconds since 1970, durations in milliseconds.

import type { ErrorCode, Watched } from './index.js'

/**
 * Makes a backup of the root. The first one makes the vault.
 * @param type `'MANUAL'` by default.
 */
export function createBackup(type?: BackupType, options?: BackupOptions & Watched): Promise<BackupResult>

/**
 * What a backup would take, by folder and category, and what it would not, and why. Writes nothing, not even a vault, and needs
 * no passphrase.
 */
export function previewBackup(options?: Watched): Promise<Preview>

/**
 * No scheduled backups until then, by whatever host or cluster; it ends by itself, and what was missed is made up once.
 * Backups by hand and by commands (cron's), and what looks after the vault, go on. Meanwhile `backup:stale` is not raised.
 * @param until A time that is still to come, within ten years.
 * @throws BackupError E_NOT_FOUND where there is no vault yet
 */
export function pause(until: Instant, options?: Watched): Promise<void>

/** Ends a pause. */
export function resume(options?: Watched): Promise<void>

/** The backups, newest first. Never waits for an operation that is running. */
export function listBackups(filter?: ListFilter, options?: Watched): Promise<BackupInfo[]>

/**
 * What a backup holds, in path order. Never waits for an operation that is running.
 * @param backup A backup's name, or `'latest'`.
 */
export function listItems(backup: string, filter?: ItemFilter, options?: Watched): Promise<Item[]>

/**
 * Every version of one path over time, newest first; the same content in backups in a row is one version. Never waits.
 * @param path Relative to the root, as `listItems` gives it.
 * @throws BackupError E_NOT_FOUND with the nearest names, where no backup has it
 */
export function versions(path: string, options?: Watched): Promise<Version[]>

/**
 * What changed between two backups, or, without `to`, from a backup to the root as it is now. For a SQLite database it
 * tells which tables changed by how many rows. The root is only read, and by the worker. Never waits.
 */
export function diff(from: BackupReference, to?: BackupReference | null, options?: Watched): Promise<DiffReport>

/**
 * Reads back and authenticates one backup, or the whole vault with its archives. Damage is in the report, not an error.
 * @param backup Default: the whole vault.
 */
export function verify(backup?: string | null, options?: VerifyOptions & Watched): Promise<VerifyReport>

/** How the backups are: what is wrong, since when, and what to do. Needs no passphrase, and never waits. */
export function status(options?: Watched): Promise<Status>

/** What happened, newest first: every run of an operation that reads or writes the vault. Needs no passphrase. */
export function history(filter?: HistoryFilter, options?: Watched): Promise<Run[]>

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
 * @param backup A backup's name, `'latest'`, or the newest good backup at or before an instant; what a restore replaced (a SAFETY backup) is taken by its name only.
 * @throws BackupError E_NOT_FOUND with the nearest names, E_CORRUPT, E_RESTORE: nothing was touched; E_ROLLED_BACK:
 * everything was put back
 */
export function restore(backup: BackupReference, options?: RestoreOptions & Watched): Promise<RestoreResult>

/**
 * Takes the last restore in place back, from its own record: what it replaced or removed comes back from its safety backup,
 * what it made goes, and nothing else is touched. That is a restore, too, with a safety backup of its own: another
 * `undoRestore()` takes it back.
 * @throws BackupError E_NOT_FOUND where there is no restore to take back, or its safety backup is gone
 */
export function undoRestore(options?: UndoOptions & Watched): Promise<RestoreResult>

/**
 * The first line of a host, before it opens anything: applies a restore that was staged with `mode: 'on-restart'`, and
 * finishes or undoes one that a crash cut off. Null where there is neither: that starts no process and costs less than a
 * millisecond, once the addon is loaded. In CommonJS, the host's index.js is:
 *
 *     require('lifeboat').applyPendingRestore().then(() => require('./bot.js'))
 */
export function applyPendingRestore(options?: Watched): Promise<RestoreResult | null>

/** Forgets a restore that waits for the next start. True: there was one. */
export function discardPendingRestore(options?: Watched): Promise<boolean>

/**
 * Removes the backups that no rule keeps, and what only they needed. Kept are the newest of each type (`keep` in
 * `schedules`), the newest `keepManual` made by hand, those from before a restore for `localRetentionDays`, what is pinned,
 * and always the newest good one. A backup that is being read stays until the next time. While a backup is suspicious nothing
 * goes, and this is E_VAULT: see {@link acceptBackup}.
 */
export function prune(options?: PruneOptions & Watched): Promise<PruneReport>

/** Removes one backup, and what only it needed. No other backup needs it. */
export function deleteBackup(backup: string, options?: Watched): Promise<PruneReport>

/**
 * Keeps a backup until it is unpinned, whatever the rules say. Returns its name.
 * @param backup A backup's name, or `'latest'`.
 */
export function pin(backup: string, options?: Watched): Promise<string>

/**
 * Leaves a pinned backup to the rules again. Returns its name.
 * @param backup A backup's name, or `'latest'`.
 */
export function unpin(backup: string, options?: Watched): Promise<string>

/**
 * Says that a suspicious backup is right after all, so that pruning goes on. Those before it, and later ones with the same
 * doubt, are accepted with it: their names are returned. Of one that is wrong: restore `suspicious.against`, and delete it.
 * @param backup A backup's name, or `'latest'`: the newest suspicious one.
 */
export function acceptBackup(backup: string, options?: Watched): Promise<string[]>

/**
 * Says that this root and this vault belong together. The first backup does so, too, and `migrate`. Where a root meets another's
 * vault, every backup is E_VAULT, because the rules would count the backups of both together.
 */
export function adoptVault(options?: Watched): Promise<void>

/**
 * Writes one backup into one portable file, which is readable without a vault: a `.tar.gz`, or sealed under the passphrase
 * (without one, under the key file) a `.tar.gz.sealed`. The file is there whole or not at all. `recover.mjs` opens it, too.
 * @param backup A backup's name, or `'latest'`.
 * @param file The file, or a folder that gets one with the backup's name.
 * @throws BackupError E_CONFIG, before anything is read, where the file exists already or its folder is missing, E_PASSPHRASE,
 * E_NO_SPACE, E_CORRUPT where the vault is damaged
 */
export function exportBackup(backup: string, file: string, options?: ExportOptions & Watched): Promise<ExportResult>

/**
 * Takes an archive into the vault, as the backup that it was; makes the vault where there is none. Every byte is compared
 * with the archive's manifest before the backup counts. Waits for an operation that is running. A backup that the vault
 * has already is left as it is; another one of the same name keeps it, and the archive gets the next one that is free.
 * @throws BackupError E_PASSPHRASE, E_CORRUPT, E_UNSAFE_PATH; E_SOURCE for what is not an archive of Lifeboat
 */
export function importBackup(file: string, options?: ImportOptions & Watched): Promise<BackupInfo>

/**
 * Sets up the root on another server, from a vault, an archive, or a target of the configuration. The root must be empty or not
 * exist; only a copy of the vault may lie in it. All of the backup is restored or nothing, and the vault is copied to where the
 * new root has it, with its history of runs; events that wait for the old host stay with that. The source is only read. What
 * was cut off goes on with the same call. `docs/disaster.md` is the guide.
 * @param from A vault's folder, a folder that holds one (an old root), an archive, or a target by its name in `cloud`.
 */
export function migrate(from: string, options?: MigrateOptions & Watched): Promise<MigrateReport>

/**
 * Brings everything that waits to the targets of the configuration (`cloud`), the newest backup first, and waits for that. What
 * is there is not sent again, and what was cut off, also with its process, is gone on with. A scheduler that runs does so by
 * itself after each backup. What could not be sent is in `failed`, and is no error.
 * @throws BackupError E_CONFIG where there is no such target, E_VAULT where the vault is another root's
 */
export function sync(options?: SyncOptions & Watched): Promise<SyncReport>

/**
 * All vaults of a target, whose they are, and which are late. With `monitor.neighbours` each machine looks after the others.
 * @param target A target's name in the configuration.
 * @throws BackupError E_CONFIG where there is no such target, E_CLOUD and the like where it cannot be asked
 */
export function vaults(target: string, options?: Watched): Promise<VaultInfo[]>

/** Everything that an engine can be asked for. */
export interface Operations {
  createBackup(type?: BackupType, options?: BackupOptions & Watched): Promise<BackupResult>
  previewBackup(options?: Watched): Promise<Preview>
  pause(until: Instant, options?: Watched): Promise<void>
  resume(options?: Watched): Promise<void>
  listBackups(filter?: ListFilter, options?: Watched): Promise<BackupInfo[]>
  listItems(backup: string, filter?: ItemFilter, options?: Watched): Promise<Item[]>
  versions(path: string, options?: Watched): Promise<Version[]>
  diff(from: BackupReference, to?: BackupReference | null, options?: Watched): Promise<DiffReport>
  verify(backup?: string | null, options?: VerifyOptions & Watched): Promise<VerifyReport>
  status(options?: Watched): Promise<Status>
  history(filter?: HistoryFilter, options?: Watched): Promise<Run[]>
  doctor(options?: Watched): Promise<Diagnosis>
  restore(backup: BackupReference, options?: RestoreOptions & Watched): Promise<RestoreResult>
  undoRestore(options?: UndoOptions & Watched): Promise<RestoreResult>
  applyPendingRestore(options?: Watched): Promise<RestoreResult | null>
  discardPendingRestore(options?: Watched): Promise<boolean>
  prune(options?: PruneOptions & Watched): Promise<PruneReport>
  deleteBackup(backup: string, options?: Watched): Promise<PruneReport>
  pin(backup: string, options?: Watched): Promise<string>
  unpin(backup: string, options?: Watched): Promise<string>
  acceptBackup(backup: string, options?: Watched): Promise<string[]>
  adoptVault(options?: Watched): Promise<void>
  exportBackup(backup: string, file: string, options?: ExportOptions & Watched): Promise<ExportResult>
  importBackup(file: string, options?: ImportOptions & Watched): Promise<BackupInfo>
  migrate(from: string, options?: MigrateOptions & Watched): Promise<MigrateReport>
  sync(options?: SyncOptions & Watched): Promise<SyncReport>
  vaults(target: string, options?: Watched): Promise<VaultInfo[]>
}

/** What the history calls an operation. */
export type HistoryName =
  | 'BACKUP'
  | 'VERIFY'
  | 'RESTORE'
  | 'PRUNE'
  | 'DELETE'
  | 'EXPORT'
  | 'IMPORT'
  | 'SYNC'
  | 'REHEARSAL'

/** What runs, as `progress` has it. */
export type OperationName =
  | 'createBackup'
  | 'previewBackup'
  | 'pause'
  | 'resume'
  | 'listBackups'
  | 'listItems'
  | 'versions'
  | 'diff'
  | 'verify'
  | 'status'
  | 'history'
  | 'doctor'
  | 'restore'
  | 'undoRestore'
  | 'applyPendingRestore'
  | 'discardPendingRestore'
  | 'prune'
  | 'deleteBackup'
  | 'pin'
  | 'unpin'
  | 'acceptBackup'
  | 'adoptVault'
  | 'exportBackup'
  | 'importBackup'
  | 'migrate'
  | 'sync'
  | 'vaults'
  | 'authorizeDrive'
  | 'runScheduled'
  | 'runDue'
  | 'inspect'
  | 'inspectDue'
  | 'syncDue'
  | 'recover'

/** What a file, folder or link is besides its content. */
export type Aspect = ('mode' | 'owner' | 'time') | 'attributes' | 'names'

/** Why a backup was made. HOURLY, MANUAL, API and SAFETY are incremental; DAILY, WEEKLY and MONTHLY are full. */
export type BackupType = 'MANUAL' | 'API' | 'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'SAFETY'

/** Which backup: by name, or the newest good one at or before an instant. */
export type BackupReference =
  | string
  | {
      at: Instant
    }

/** A moment: milliseconds since 1970, or a time such as `2026-11-23T02:00:00Z`. */
export type Instant = Date | number | string

/** What an item is to its owner. */
export type Category = 'database' | 'config' | 'logs' | 'accounts' | 'templates' | 'session' | 'media' | 'data'

export type ItemType = 'file' | 'dir' | 'symlink'

export type CloudState = 'off' | 'queued' | 'synced' | 'failing'

export type LeftReason = 'unreadable' | 'ours' | 'default' | 'exclude' | 'sources' | 'special' | 'link'

/** Who makes the scheduled backups. */
export type Maker = 'nobody' | 'host' | 'commands'

/** How a restore in place treats an app that may be running. */
export type RestoreMode = 'auto' | 'live' | 'offline' | 'on-restart'

/** How a run ended. */
export type RunResult = ('success' | 'failure' | 'running') | 'degraded' | 'interrupted'

/** Who signs in, and to what. */
export interface AuthorizeOptions {
  /** The `name` of the target in `cloud`; by default the first Google Drive there. It may be before any is configured. */
  target?: string
}

export interface BackupInfo {
  backup: string
  /** Of the categories that it has. */
  categories: Partial<Record<Category, CategoryTotals>>
  /**
   * `queued`: it goes to a target by itself. `synced`: it is at every target whose rules keep it, and at one at least, as they have
   * said. `off`: nothing brings it anywhere: there is no target, `cloudSync` is false, or the rules of every target have dropped it.
   */
  cloud: 'off' | 'queued' | 'synced'
  /** Smaller scheduled types that it counts for. */
  covers?: BackupType[]
  degraded: boolean
  full: boolean
  items: number
  /** Where it lies: `'local'`, and the names of targets, as far as that is known here. */
  location: string[]
  note?: string
  /** Kept until it is unpinned. */
  pinned: boolean
  /** Bytes that this backup added to the vault. */
  size: number
  /** Until it is accepted. */
  suspicious?: Suspicion
  timestamp: number
  /** Bytes of its items as they lay on disk. */
  totalSize: number
  type: BackupType
  verifiedAt?: number
}

/**
 * The backup has lost most of what the newest one had that nobody doubts (more than half of the items, of a database, or all of a
 * category), or most files have changed at once and do not compress any more. It takes no other's place, and nothing is pruned
 * until it is accepted or deleted.
 */
export interface Suspicion {
  /** The backup that it was compared with. */
  against: string
  /** Sentences without their ends. */
  reasons: string[]
  /** The first backup with this doubt: itself, or an earlier one. */
  since: string
}

export interface BackupOptions {
  /** Re-read and re-hash every byte. Default: true for DAILY, WEEKLY and MONTHLY. */
  full?: boolean
  /** A few words of your own, kept with the backup. */
  note?: string
  /** Wait for an operation that is running, instead of failing with E_BUSY. */
  wait?: boolean
}

export interface BackupResult {
  backup: string
  /** Items that were new or changed since the backup before. */
  changed: number
  /** `off` where there is no target; `queued`: it goes there by itself, and `sync()` waits for that. */
  cloud: 'off' | 'queued' | 'synced'
  /** Something could not be stored as it should be: the first of `warnings` say what, and what to do. */
  degraded: boolean
  durationMs: number
  /** Whether every byte was read again. */
  full: boolean
  items: number
  /** What is worth knowing, and no fault: where another disk or folder is mounted in the root. Absent where there is nothing. */
  notes?: Warning[]
  /** Items of the backup before that are gone. */
  removed: number
  /** Bytes that this backup added to the vault. */
  size: number
  success: true
  suspicious?: Suspicion
  /** Bytes of its items as they lie on disk. */
  totalSize: number
  type: BackupType
  warnings: Warning[]
}

export interface Warning {
  message: string
  path: string
}

export interface CategoryTotals {
  items: number
  size: number
}

/** One path that is there on both sides, and differs. */
export interface Change {
  after: Item
  before: Item
  /** What differs of that: `attributes` are extended attributes and ACLs, `names` the other names of the same file. */
  besides?: Aspect[]
  category: Category
  /** Only what it is besides its content differs. */
  metadataOnly: boolean
  /** Of a SQLite database: why not all of it could be compared, or what differs where no row does. */
  note?: string
  path: string
  /** Of a SQLite database: the tables whose rows or definition differ. */
  tables?: TableDiff[]
}

/** One path of a backup. */
export interface Item {
  category: Category
  /** Milliseconds since the epoch. */
  mtime: number
  /** Relative to the root, with `/`. */
  path: string
  /** The bytes of a path that is not UTF-8, in base64. */
  raw?: string
  /** Absent for folders and links, and for a database that was written to while it was copied. */
  sha256?: string
  /** Bytes. */
  size: number
  type: ItemType
}

/**
 * What changed in one table. Rows are told apart by rowid or primary key. Virtual tables (FTS5) are told by the ordinary tables
 * that hold them.
 */
export interface TableDiff {
  added: number
  changed: number
  /** Only the newer side has the table. */
  created?: boolean
  /** Only the older side has the table. */
  dropped?: boolean
  removed: number
  /** The definition of the table differs, too. */
  schema: boolean
  table: string
}

export interface Check {
  /** What mends it. A check that did not fail may have some advice, too. */
  mend?: string
  /** What was found. */
  message: string
  /** What was looked at, in a word. */
  name: string
  ok: boolean
}

export interface CloudFailure {
  at: number
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
}

/** How one target is. */
export interface CloudStatus {
  /** Absent where it went well since. */
  lastFailure?: CloudFailure
  /** When everything was last there, in milliseconds since the epoch. */
  lastSuccess?: number
  /** Objects that wait to be sent. */
  pending: number
  /** Their bytes. */
  pendingBytes: number
  provider: 'gdrive' | 's3' | 'folder'
  /** `off`: nothing goes there by itself (`cloudSync`). `failing`: see `lastFailure`. */
  state: 'off' | 'queued' | 'synced' | 'failing'
  target: string
  /** What its last pruning could not do, and why. */
  warnings?: string[]
}

export interface Damage {
  /** The backups that it hurts, oldest first. */
  backups: string[]
  healed: boolean
  message: string
  /** The object's path inside the vault. */
  object: string
}

/** Every check from the root to the vault. */
export interface Diagnosis {
  checks: Check[]
  /** No check failed. */
  ok: boolean
}

/** Files of the live root that need not be read have no `sha256` here. */
export interface DiffReport {
  added: Item[]
  changed: Change[]
  durationMs: number
  /** The backup that is compared. */
  from: string
  removed: Item[]
  /** Absent where it is the live root. */
  to?: string
  /** How many items are the same. */
  unchanged: number
  /** What could not be compared, and why. */
  warnings?: Warning[]
}

/** Somebody has signed in, and it works. */
export interface DriveAccount {
  /** Whose Drive it is: an e-mail address. */
  account: string
  /** Bytes that are left in the account, where it has a limit. */
  free?: number
}

export interface ExportOptions {
  /** Seal it. Default: as the configuration's `encryption`, and where the file is called `.sealed`. */
  encrypt?: boolean
  /** Paths, globs or categories. Default: everything. */
  items?: string[]
  /** Replace a file that exists. Otherwise it is E_CONFIG. */
  overwrite?: boolean
}

export interface ExportResult {
  durationMs: number
  /** Whether it is sealed. */
  encrypted: boolean
  /** The absolute path of the archive. */
  file: string
  items: number
  /** Bytes of the archive. */
  size: number
}

export interface HistoryFilter {
  /** At most this many, the newest. */
  limit?: number
  /** In any case: `backup`, `PRUNE`, ... */
  operation?: string
  /** Inclusive. */
  since?: Instant
  type?: BackupType
  /** Inclusive. */
  until?: Instant
}

/** A process of the app that has loaded Lifeboat. */
export interface HostStatus {
  /** It applies at its start what waits for it. */
  appliesPending: boolean
  name: string
  pid: number
  /** It reads again what is restored under it. */
  reloads: boolean
  /** Since when its scheduler runs, in milliseconds since the epoch. */
  scheduler?: number
  /** Milliseconds since the epoch. */
  since: number
  zone: string
}

export interface ImportOptions {
  /** The archive's passphrase, where it is not the vault's. Default: the environment variable BACKUP_ARCHIVE_PASSPHRASE. */
  passphrase?: string
}

/** What a scheduled look at the vault found. */
export interface Inspection {
  /** Of a restore that was rehearsed: what was wrong with what came back. Absent on days without one. */
  rehearsal?: VerifyReport
  verify: VerifyReport1
}

export interface VerifyReport {
  backups: number
  /** Bytes that were read back and authenticated. */
  bytes: number
  damaged: Damage[]
  durationMs: number
  ok: boolean
  packs: number
}

/** Of the part of the vault whose turn it was. */
export interface VerifyReport1 {
  backups: number
  /** Bytes that were read back and authenticated. */
  bytes: number
  damaged: Damage[]
  durationMs: number
  ok: boolean
  packs: number
}

/** Which items. */
export interface ItemFilter {
  /**
   * Paths, globs or categories. A path that the backup has comes before a glob, and a file before a category of its name; a
   * folder is taken with the category. `./database` is always the path, `category:database` always the category. A path that is
   * not UTF-8 is `//` and its bytes in base64 (`'//' + item.raw`).
   */
  items?: string[]
}

export interface LastFailure {
  at: number
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
  type: BackupType
}

export interface ListFilter {
  /** At most this many, the newest. */
  limit?: number
  /** Inclusive. */
  since?: Instant
  type?: BackupType
  /** Inclusive. */
  until?: Instant
}

/** How a new root is set up from a vault or an archive. */
export interface MigrateOptions {
  /** Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise. */
  allowOutsideLinks?: boolean
  /** Default: the newest. An archive holds one, and there is none to choose. */
  backup?: BackupReference
  /** Copy the vault, too, so that its history goes on in the new root. Default true. */
  history?: boolean
  /** Give everything to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may. Default: as in the backup. */
  owner?: string
  /** Set up the root from a backup. False: only the vault comes back, for a root that has lost its own. Default true. */
  restore?: boolean
  /** Of a target that has several vaults, the id of the one that is meant. */
  vaultId?: string
}

export interface MigrateReport {
  backup: string
  /** How many backups the new vault has. */
  backups: number
  /** Bytes of the items. */
  bytes: number
  /** Bytes that were copied into the new vault. */
  copied: number
  /** What is damaged in the new vault. The root is whole all the same. */
  damaged: Damage[]
  durationMs: number
  items: number
  /** What is left to be done, in this order. */
  next: NextStep[]
  /** It went on with a migration that had been cut off. */
  resumed: boolean
  root: string
  /** The vault's folder, or the archive, that all came from. */
  source: string
  success: true
  /** The time of the backup. */
  timestamp: number
  /** The vault of the new root; absent with `history: false`. */
  vault?: string
  /**
   * What does not fit on this machine, such as absolute paths in the configuration, or dependencies (`file:../lifeboat`) that
   * are not there: nothing of it is changed.
   */
  warnings: Warning[]
}

/** Something that is left for the owner to do. */
export interface NextStep {
  /** What to type in the new root. */
  command: string
  why: string
}

/** A run to come. */
export interface NextRun {
  /** Milliseconds since the epoch. */
  at: number
  type: BackupType
}

/** What a backup of the root as it is now would be. Everything is told by its largest first. */
export interface Preview {
  categories: Partial<Record<Category, CategoryTotals>>
  durationMs: number
  /** Of everything that would be taken. */
  items: number
  /** What would not be taken; first what makes a backup degraded. */
  left: PreviewLeft[]
  /** As in `BackupResult`. */
  notes?: Warning[]
  root: string
  size: number
  /** By folder, two levels deep (less deep where there are very many), and category. */
  taken: PreviewFolder[]
  /** What of it is probably useless. `exclude` leaves it out. */
  useless: PreviewUseless[]
}

/** What would not be taken, and why. */
export interface PreviewLeft {
  items: number
  /** A backup without it is degraded. */
  lost: boolean
  /** What takes it, or leaves it out on purpose. */
  mend?: string
  /** There is more of it than was counted. */
  more?: boolean
  /** Empty for the many small ones that are counted together. */
  path: string
  reason: LeftReason
  size: number
  /** In a sentence. */
  why: string
}

/** What of one category would be taken from a folder, with the folders in it. */
export interface PreviewFolder {
  category: Category
  items: number
  /** Relative to the root; `.` is the root itself. */
  path: string
  size: number
}

export interface PreviewUseless {
  items: number
  path: string
  size: number
  /** In a sentence. */
  why: string
}

export interface Problem {
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
  since: number
}

export interface Progress {
  bytes: number
  etaMs?: number
  items: number
  path?: string
  /** What is being done, in a word. */
  phase: string
  totalBytes?: number
  totalItems?: number
}

export interface PruneOptions {
  /**
   * Free all room now. By default a pack goes a day after nothing needs it any more, so that a copy of the vault that is being
   * made misses nothing; the report warns of what went at once.
   */
  atOnce?: boolean
  /** Prune although a backup is suspicious. */
  despiteSuspicion?: boolean
  /** Only say what would go, and why. */
  dryRun?: boolean
  /** Instead of the vault here: what lies at this target, by its own `keep`. Not with `atOnce`. */
  target?: string
  /** Of several vaults at the target, where none is here: the one of this id, as `vaults()` has it in `prefix`. */
  vaultId?: string
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
}

export interface PruneReport {
  /** Every backup, newest first, with what becomes of it. */
  backups: PruneVerdict[]
  /** Bytes that were read and written again, because they lay among what went. */
  copied: number
  dryRun: boolean
  durationMs: number
  /** Bytes that the vault is smaller now; of a dry run, to within a few hundred bytes a pack. */
  freed: number
  packsRemoved: number
  packsRewritten: number
  /** How many backups went, or would go. */
  removed: number
  /**
   * Bytes of packs that nothing needs any more, and that go a day after they were found so: a copy of the vault may be
   * under way.
   */
  waiting: number
  warnings: Warning[]
}

/** What becomes of one backup, and why. */
export interface PruneVerdict {
  backup: string
  keep: boolean
  timestamp: number
  type: BackupType
  why: string
}

export interface RestoreOptions {
  /** Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise. */
  allowOutsideLinks?: boolean
  /** Default true: everything that is replaced is first in a SAFETY backup, named in the result. */
  createBackupFirst?: boolean
  /** Only say what would be done, and whether it can be: key, room, every stored piece. */
  dryRun?: boolean
  /** The target that gives what is missing or damaged here. Default: each of them in turn. */
  from?: string
  /** As in `ItemFilter`: `['category:database', 'config.json', 'uploads/reports/2026/**']`. Default: everything. */
  items?: string[]
  /** Categories in which items that the backup does not have are removed. Default `['session']`. */
  mirror?: Category[]
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
  mode?: 'auto' | 'live' | 'offline' | 'on-restart'
  /** Give everything to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may. Default: as in the backup. */
  owner?: string
  /** Take each of `items` from the newest backup that has it, not later than the chosen one. */
  perItem?: boolean
  /** Write all that is whole of a damaged vault, and list the rest in `failed`. Needs a `target`. */
  salvage?: boolean
  /** As in `items`; true without items is E_CONFIG. */
  selective?: boolean
  /** Another folder than the root, which must not exist, or be empty: nothing live is touched. */
  target?: string
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
  /**
   * After a restore under a running app that does not read again what came back: look for up to 30 s whether it writes its
   * memory over that, and say so in `overwritten`. Default true; aborting the signal ends it, and keeps the restore.
   */
  watch?: boolean
}

export interface RestorePlan {
  bytes: number
  /** `.` in `replace` is the root folder itself: its owner, mode or attributes. */
  create: string[]
  remove: string[]
  replace: string[]
  unchanged: number
}

export interface RestoreResult {
  /** What to do now, in a sentence: start the app again, for one. Absent where nothing is left to do. */
  advice?: string
  backup: string
  dryRun: boolean
  /** Until everything was in place; what hosts took to read it again is not in it. */
  durationMs: number
  /** What a salvage could not give back, and why. */
  failed?: Warning[]
  /**
   * WhatsApp sessions that work and were left alone although the backup has them otherwise: an older state would break them.
   * Each message says how to restore it all the same. One that is named in `items` is restored.
   */
  kept?: Warning[]
  /** How it was done in place, never `auto`; absent with a `target`. */
  mode?: RestoreMode
  /** What the app wrote over, or removed, after it was restored: it is as the app left it, and no failure. */
  overwritten?: string[]
  plan: RestorePlan
  /** Why that mode was chosen, in a sentence. */
  reason?: string
  /** The running apps that have read again what was restored, such as `bot.js (process 4711)`. */
  reloadedBy?: string[]
  /** The paths that were written; empty for a dry run, and while the restore waits for the next start. */
  restored: string[]
  /** All that was replaced or removed is in this backup, and `undoRestore()` takes it from there. */
  safetyBackup?: string
  /** Of a dry run: bytes that the safety backup will probably add to the vault. */
  safetyBytes?: number
  /** It waits for the next start: call `applyPendingRestore()` there, before anything is opened. */
  staged: boolean
  /**
   * What a process has open as it was before, because it was deleted, moved or replaced under it: what it writes there is
   * found by nobody, so it has to be started again. `advice` says so.
   */
  stillOpen?: string[]
  success: true
  /** Of `undoRestore()`: the restore that was taken back. */
  takesBack?: TakenBack
  /** The time of the backup. */
  timestamp: number
  /** The command that takes it back, `lifeboat undo`; absent where nothing was done, or no safety backup was made. */
  undo?: string
  warnings: Warning[]
}

/** The restore that was taken back. */
export interface TakenBack {
  /** When it was made, milliseconds since the epoch. */
  at: number
  /** What it had restored. */
  backup: string
  /** It had taken back a restore itself. */
  undo: boolean
}

/** One entry of the history, which keeps the newest 20,000. What was refused with E_BUSY did nothing, and is not in it. */
export interface Run {
  /** When it began, milliseconds since the epoch. */
  at: number
  /** The backup that was made, restored, exported, ... */
  backup?: string
  changed?: number
  /** Of the error, where it failed. */
  code?: ErrorCode
  /** Smaller scheduled types that it counted for. */
  covers?: BackupType[]
  durationMs: number
  /** Asked for by a host; otherwise by a command. */
  hosted: boolean
  items?: number
  message?: string
  operation: HistoryName
  result: RunResult
  /** Of a backup: the schedule asked for it, and tries it again where it failed. */
  scheduled?: boolean
  /** Bytes that were added, freed, written or read, as the operation has it. */
  size?: number
  /** Bytes of the backup's items. */
  totalSize?: number
  /** Of a backup. */
  type?: BackupType
  /** The first ten. */
  warnings: Warning[]
}

/** Who holds the vault's lock. */
export interface Running {
  operation: string
  pid: number
  /** How far it is, as it said a moment ago. */
  progress?: Progress
  /** Milliseconds since the epoch. */
  since: number
}

export interface ScheduleStatus {
  by: Maker
  /** The hosts that are there. */
  hosts: HostStatus[]
  /** The last backup of a scheduled type that a command made. */
  last_command?: NextRun
  /** Only where somebody will make it. */
  next?: NextRun
  /** No scheduled backups until then, because somebody wanted it so. */
  paused?: number
  /** Does a scheduler run: in this process, or asked from outside, in any host? */
  running: boolean
}

export interface Status {
  /** Milliseconds since the newest good backup. */
  age?: number
  /** Each target. */
  cloud: CloudStatus[]
  healthy: boolean
  /** The newest backup that failed. */
  lastFailure?: LastFailure
  lastSuccess: Partial<Record<BackupType, number>>
  /** A restore waits for the next start of the app. */
  pendingRestore: boolean
  problems: Problem[]
  /** What is running now, if anything: "BACKUP HOURLY", ... */
  running?: Running
  schedule: ScheduleStatus
  storage: StorageStatus
}

export interface StorageStatus {
  /** How many backups there are. */
  backups: number
  /** Bytes free on the vault's disk. */
  free: number
  /** The cap, `maxLocalStorage`. */
  limit: number
  /** Bytes of all backups' items, as if each were a plain copy. */
  sourceBytes: number
  /** Bytes of packs and snapshots that hold them. */
  storedBytes: number
  /** Bytes of everything in the vault's folder. */
  used: number
}

/** What could not be sent. */
export interface SyncFailure {
  /** What went wrong: `code` of an error. */
  code: ErrorCode
  message: string
  /** Its path inside the vault; empty where it is the target itself that failed. */
  object: string
  target: string
}

/** Which targets. */
export interface SyncOptions {
  /** Only this target, by its name. */
  target?: string
}

/** What a sync did. */
export interface SyncReport {
  /** Their bytes. */
  bytes: number
  failed: SyncFailure[]
  /** Objects that still wait. */
  pending: number
  /** Objects that were sent, to all targets together. */
  uploaded: number
  /** What is not right at a target, and no failure: that nothing is pruned there, and why. `path` is the target's name. */
  warnings?: Warning[]
}

/** How the last restore is taken back. */
export interface UndoOptions {
  /** Only plan and check. */
  dryRun?: boolean
  mode?: RestoreMode
  /** Wait for a running operation instead of failing with E_BUSY. */
  wait?: boolean
  /** As with a restore. Default true. */
  watch?: boolean
}

/** A vault at a target, which many machines may share. */
export interface VaultInfo {
  /** Bytes of all that lies there. */
  bytes: number
  /** The newest backup is older than its owner has said that it may be. */
  late: boolean
  /** When the newest backup there was made, in milliseconds since the epoch. */
  newest?: number
  /** Whose it is, as its owner has said: `bot on server-1`. */
  owner: string
  /** The folder at the target that it lies in, which is called by its id. */
  prefix: string
}

export interface VerifyOptions {
  /** Also decompress and re-hash every chunk. */
  deep?: boolean
  /** Instead of the vault here: what lies at this target; what is damaged there is put back from here. Not with a backup. */
  target?: string
}

/** One state of one path: the item as the newest backup with it has it. */
export interface Version {
  /** The newest backup that has this version. */
  backup: string
  /** How many backups have it. */
  backups: number
  category: Category
  /** The oldest backup, of those in a row, that has it. */
  firstBackup: string
  /** The first backup after these in which the path was gone. */
  goneIn?: string
  /** Milliseconds since the epoch. */
  mtime: number
  /** Relative to the root, with `/`. */
  path: string
  /** The bytes of a path that is not UTF-8, in base64. */
  raw?: string
  /** Absent for folders and links, and for a database that was written to while it was copied. */
  sha256?: string
  /** Bytes. */
  size: number
  /** When that was made. */
  timestamp: number
  type: ItemType
  /** Backups among these, or next to them, that cannot be read: what they have of the path is not known. */
  unreadable?: string[]
}
